"""Keep watching production for a while after the apply: some failures need traffic to show."""

import time
from collections.abc import Callable

import psycopg
from pydantic import SecretStr

from config.policy import Verify
from config.settings import Settings
from tasks.clients.health import ask_health
from tasks.clients.patience import while_away
from tasks.gate.errors import ConfigurationError, GateError
from tasks.gate.wording import count, duration
from tasks.invariants import broken_invariants
from tasks.release import Release
from tasks.workshop import production_url

SHORTEST_ROUND_S = 1.0
PATIENCE_S = 60.0  # with a question that cannot be put: a failover takes 10-30 s on managed servers
PAUSE_S = 1.0


class VerificationFailed(GateError):
    """Production is not as the rehearsal said it would be."""


def patiently(ask: Callable[[], str]) -> str:
    """Ask again while the question itself cannot be put: a server that starts again is no reason to undo a release.

    Raises:
        VerificationFailed: the answer is bad.
        ConfigurationError: it could not be asked for `PATIENCE_S` seconds.
    """
    unanswered = (GateError, psycopg.Error)
    try:
        return while_away(ask, seconds=PATIENCE_S, on=unanswered, but=(VerificationFailed,), longest_pause=PAUSE_S)
    except VerificationFailed:
        raise
    except unanswered as error:
        said = error.message if isinstance(error, GateError) else error.diag.message_primary
        what = f"production could not be verified: {said or 'the connection was lost'}"
        raise ConfigurationError(what) from None


def ask_application(settings: Settings, policy: Verify) -> str:
    """The health endpoint's answer; empty when none is configured.

    Raises:
        VerificationFailed: the application is not well, after the attempts that policy grants.
    """
    if settings.health_url is None:
        return ""
    answer = ask_health(settings.health_url, attempts=policy.health_attempts, pause_s=policy.health_pause_seconds)
    if not answer.ok:
        raise VerificationFailed(f"the application is not well: {answer.sentence}", status=answer.status)
    return answer.sentence


def ask_invariants(url: SecretStr, invariants: tuple[tuple[str, str], ...]) -> str:
    """How many invariants hold; empty when there are none.

    Raises:
        VerificationFailed: one does not hold.
        ConfigurationError: one could not be asked.
    """
    if broken := broken_invariants(url, invariants):
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise VerificationFailed(f"an invariant does not hold: {broken[0]}{more}", broken=list(broken))
    verb = "holds" if len(invariants) == 1 else "hold"
    return f"{count(len(invariants), 'invariant')} {verb}" if invariants else ""


def watch(release: Release, invariants: tuple[tuple[str, str], ...]) -> float:
    """Ask health and invariants again and again for as long as the settings say; returns the seconds watched.

    Safe to run twice: it only asks.

    Raises:
        VerificationFailed: as soon as one answer is bad.
        ConfigurationError: production could not be asked for a minute.
    """
    seconds = release.settings.watch_seconds
    if not seconds or (release.settings.health_url is None and not invariants):
        return 0.0
    policy = release.policy.verify
    pause = max(SHORTEST_ROUND_S, policy.health_pause_seconds)
    url = production_url(release.settings)
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        release.progress(f"watching: {duration(elapsed)} of {duration(seconds)}")
        try:
            ask_application(release.settings, policy)
            patiently(lambda: ask_invariants(url, invariants))
        except VerificationFailed as failure:
            late = duration(time.monotonic() - began)
            raise VerificationFailed(f"{failure.message}, {late} into the watch", hint=failure.hint) from None
        time.sleep(max(0.0, min(pause, seconds - (time.monotonic() - began))))
    return time.monotonic() - began
