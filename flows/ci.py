"""What a CI system says of itself in its environment: which commit, who, where its log is."""

import os
from collections.abc import Mapping
from typing import NamedTuple


class Ci(NamedTuple):
    """One CI job, or none: then everything is empty."""

    name: str = ""  # "github", "gitlab"
    commit: str = ""
    actor: str = ""  # the login of who caused it
    url: str = ""  # the job's own page


def ci_job(environment: Mapping[str, str] | None = None) -> Ci:
    """The CI job that this process runs in."""
    of = dict(os.environ if environment is None else environment).get
    if of("GITHUB_ACTIONS") == "true":
        server = of("GITHUB_SERVER_URL") or "https://github.com"
        page = f"{server}/{of('GITHUB_REPOSITORY')}/actions/runs/{of('GITHUB_RUN_ID')}"
        return Ci("github", of("GITHUB_SHA") or "", of("GITHUB_ACTOR") or "", page)
    if of("GITLAB_CI") == "true":
        return Ci("gitlab", of("CI_COMMIT_SHA") or "", of("GITLAB_USER_LOGIN") or "", of("CI_JOB_URL") or "")
    return Ci()
