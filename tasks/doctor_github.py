"""The doctor's question to GitHub: the repository is there, and the token may read it."""

from tasks.clients.github import GitHub
from tasks.doctor_bench import Bench
from tasks.preflight.check import Answer, Check, failed, not_configured, passed


def ask(bench: Bench) -> Answer:
    """Read the repository's name of its default branch, and say what is not set that GitHub's doors need."""
    found = bench.settings
    if not found.github_repository and found.github_token is None:
        return not_configured("GitHub is not set", hint="set GATE_GITHUB_REPOSITORY and GATE_GITHUB_TOKEN for reviews")
    if not found.github_repository or found.github_token is None:
        missing = "GATE_GITHUB_TOKEN" if found.github_repository else "GATE_GITHUB_REPOSITORY"
        return failed(f"{missing} is not set, and the other half of the two is", hint=f"set {missing}")
    branch = GitHub(found.github_api_url, found.github_repository, found.github_token).default_branch()
    hook = "its webhook is answered" if found.github_webhook_secret else "GATE_GITHUB_WEBHOOK_SECRET is not set"
    return passed(f"{found.github_repository} can be read, its default branch is {branch}; {hook}")


GITHUB = Check("github", "GitHub answers", ask)
