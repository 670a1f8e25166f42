"""The application is well before the release: else its illness would be taken for the release's, and undone."""

from tasks.clients.health import ask_health
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Surroundings
from tasks.preflight.staging_health import ATTEMPTS, PAUSE_S, TIMEOUT_S


def ask(around: Surroundings) -> Answer:
    """Ask production's health URL as the verification after the apply will."""
    url = around.settings.health_url
    if not url:
        return not_configured("no health URL of production is set", hint="set GATE_HEALTH_URL")
    answer = ask_health(url, attempts=ATTEMPTS, pause_s=PAUSE_S, timeout_s=TIMEOUT_S)
    if answer.ok:
        return passed(answer.sentence)
    return failed(
        f"{answer.sentence}, before anything was released",
        hint="mend the application first: the same question is asked after the apply, and its failure brings the old "
        "schema back",
    )


CHECK = Check("health", "The application on production is well", ask)
