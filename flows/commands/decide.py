"""A decision from the command line: one event in the record, then a nudge for whoever waits."""

from typing import Any

import click

from config.policy import Policy
from config.settings import Settings
from flows.options import print_json
from flows.wake import wake
from tasks.decide import Decided
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.ruling import Answer
from tasks.steps.open import operator


def decide_here(
    settings: Settings, policy: Policy, release_id: str, *, as_json: bool, as_database_user: bool, **answer: Any
) -> int:
    """Record a decision as the operating-system user, or as the role that production knows; say what comes of it.

    Raises:
        ConfigurationError: there is no such release, or production cannot be asked who this is.
        Refused: it does not wait, it was decided before, or this person may not decide.
    """
    from tasks.decide import decide

    door = "database" if as_database_user else "command-line"
    identity = _database_user(settings) if as_database_user else operator()
    decided = decide(settings, policy, release_id, door=door, identity=identity, **answer)
    ruling = decided.ruling
    if ruling.answer is Answer.UNKNOWN:
        raise ConfigurationError(ruling.sentence, hint=ruling.hint)
    if ruling.answer not in {Answer.ACCEPTED, Answer.ALREADY_COUNTED}:
        raise Refused(ruling.sentence, hint=ruling.hint)
    woken = wake(decided.prefect, ruling.decision) if ruling.decision is not None else None
    if as_json:
        assert ruling.decision is not None, "an accepted answer is a decision"
        kept = ruling.decision.model_dump(mode="json")
        print_json({"id": release_id, **kept, "answer": ruling.answer, "missing": ruling.missing, "woken": woken})
    else:
        _show(release_id, decided, woken=woken)
    return 0


def _show(release_id: str, decided: Decided, *, woken: bool | None) -> None:
    """Say what was recorded, and what happens next."""
    ruling = decided.ruling
    click.echo(ruling.sentence)
    if woken is False:
        click.echo(f"the run that waits in Prefect could not be woken: gate resume {release_id}")
    elif ruling.accepted and ruling.decision is not None and ruling.decision.approved and not ruling.missing:
        click.echo(f"whoever waits goes on within seconds; if nobody does: gate resume {release_id}")


def _database_user(settings: Settings) -> str:
    """The role that production lets in with GATE_PRODUCTION_URL: proved by its password, not typed.

    Raises:
        ConfigurationError: production cannot be reached.
    """
    from tasks.clients import postgres
    from tasks.workshop import production_url

    with postgres.connect(production_url(settings), purpose="who decides", read_only=True) as connection:
        row = connection.execute("select session_user").fetchone()
        return str(row[0]) if row else ""
