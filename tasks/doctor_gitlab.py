"""The doctor's question to GitLab: the project is there, and the token may read it."""

from tasks.clients.gitlab import GitLab
from tasks.doctor_bench import Bench
from tasks.preflight.check import Answer, Check, failed, not_configured, passed


def ask(bench: Bench) -> Answer:
    """Read the project's name; a token that may only read is found out by the first note."""
    found = bench.settings
    if not found.gitlab_project and found.gitlab_token is None:
        return not_configured(
            "GitLab is not set", hint="set GATE_GITLAB_PROJECT and GATE_GITLAB_TOKEN for notes on merge requests"
        )
    if not found.gitlab_project or found.gitlab_token is None:
        missing = "GATE_GITLAB_TOKEN" if found.gitlab_project else "GATE_GITLAB_PROJECT"
        return failed(f"{missing} is not set, and the other half of the two is", hint=f"set {missing}")
    return passed(f"{GitLab(found.gitlab_api_url, found.gitlab_project, found.gitlab_token).path()} can be read")


GITLAB = Check("gitlab", "GitLab answers", ask)
