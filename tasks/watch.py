"""Keep watching production for a while after the apply: some failures need traffic to show."""

import time

from pydantic import SecretStr

from config.policy import Verify
from config.settings import Settings
from tasks.clients.health import ask_health
from tasks.gate.errors import GateError
from tasks.gate.wording import count, duration
from tasks.invariants import broken_invariants
from tasks.release import Release
from tasks.workshop import production_url

SHORTEST_ROUND_S = 1.0


class VerificationFailed(GateError):
    """Production is not as the rehearsal said it would be."""


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
    """
    if broken := broken_invariants(url, invariants):
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise VerificationFailed(f"an invariant does not hold: {broken[0]}{more}", broken=list(broken))
    return f"{count(len(invariants), 'invariant')} hold" if invariants else ""


def watch(release: Release, invariants: tuple[tuple[str, str], ...]) -> float:
    """Ask health and invariants again and again for as long as the settings say; returns the seconds watched.

    Safe to run twice: it only asks.

    Raises:
        VerificationFailed: as soon as one answer is bad.
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
            ask_invariants(url, invariants)
        except VerificationFailed as failure:
            late = duration(time.monotonic() - began)
            raise VerificationFailed(f"{failure.message}, {late} into the watch", hint=failure.hint) from None
        time.sleep(max(0.0, min(pause, seconds - (time.monotonic() - began))))
    return time.monotonic() - began
