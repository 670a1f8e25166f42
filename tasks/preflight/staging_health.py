"""Tested in staging: the application there is well with the new schema."""

from tasks.clients.health import ask_health
from tasks.preflight.check import Answer, Check, failed, not_configured, passed
from tasks.preflight.question import Surroundings

ATTEMPTS = 3
PAUSE_S = 0.5
TIMEOUT_S = 5.0


def ask(around: Surroundings) -> Answer:
    """Ask staging's health URL, up to three times; only 2xx is well, a redirect is not."""
    url = around.settings.staging_health_url
    if not url:
        return not_configured("no health URL of staging is set", hint="set GATE_STAGING_HEALTH_URL")
    answer = ask_health(url, attempts=ATTEMPTS, pause_s=PAUSE_S, timeout_s=TIMEOUT_S)
    if answer.ok:
        return passed(answer.sentence)
    return failed(answer.sentence, hint="mend staging first: it runs the schema that production is about to get")


CHECK = Check("staging-health", "Tested in staging, the application is well", ask, releases_only=True)
