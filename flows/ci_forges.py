"""Whom a CI job tells on GitHub or GitLab: a status beside the commit, the one comment below the change."""

import os

from config.settings import Settings
from flows.ci import ci_job
from tasks.clients.github import GitHub
from tasks.clients.gitlab import GitLab
from tasks.gate.commit_status import context_of
from tasks.gate.errors import ConfigurationError


def github_of(settings: Settings) -> GitHub | None:
    """The repository that is set; None where one half of it is missing."""
    if settings.github_token is None or not settings.github_repository:
        return None
    return GitHub(settings.github_api_url, settings.github_repository, settings.github_token)


def gitlab_of(settings: Settings) -> GitLab | None:
    """The project that is set; None where one half of it is missing."""
    if settings.gitlab_token is None or not settings.gitlab_project:
        return None
    return GitLab(settings.gitlab_api_url, settings.gitlab_project, settings.gitlab_token)


def set_statuses(settings: Settings, commit: str, state: str, sentence: str) -> None:
    """Put a status beside the commit wherever one is wanted.

    Args:
        settings: target, and what is set of GitHub and GitLab.
        commit: its SHA.
        state: `pending`, `running`, `success`, `failure` or `error`; each of them has words of its own.
        sentence: what is said.

    Raises:
        GateError: it cannot be told.
    """
    context, url = context_of(settings.target), ci_job().url
    if github := github_of(settings):
        word = "pending" if state == "running" else state
        github.set_status(commit, state=word, context=context, sentence=sentence, url=url)
    if gitlab := gitlab_of(settings):
        word = "failed" if state in ("failure", "error") else state
        gitlab.set_status(commit, state=word, context=context, sentence=sentence, url=url)


def write_comment(settings: Settings, marker: str, text: str) -> None:
    """Write our comment below the pull request or merge request of this job, or replace what it says.

    Raises:
        ConfigurationError: the job is not of one, or nothing is set to write there with.
    """
    reference = os.environ.get("GITHUB_REF", "")
    pull, merge = reference.removeprefix("refs/pull/").partition("/")[0], os.environ.get("CI_MERGE_REQUEST_IID", "")
    if merge.isdigit() and (gitlab := gitlab_of(settings)):
        gitlab.put_note(int(merge), marker, text)
    elif pull.isdigit() and (github := github_of(settings)):
        github.put_comment(int(pull), marker, text)
    else:
        raise ConfigurationError(
            "there is no pull request to comment on",
            hint="run it on `pull_request` with GATE_GITHUB_TOKEN and GATE_GITHUB_REPOSITORY, or in a merge request's"
            " pipeline with GATE_GITLAB_TOKEN and GATE_GITLAB_PROJECT",
        )
