"""A decision from the command line: one event in the record, then a nudge for whoever waits."""

from datetime import UTC, datetime

import click

from config.policy import Policy
from config.settings import Settings
from flows.wake import wake
from tasks.gate.approval import Decision, Standing, judge, objection
from tasks.gate.errors import Refused
from tasks.record import Record
from tasks.steps import ask
from tasks.steps.open import operator, store_of


def decide(
    settings: Settings, policy: Policy, release_id: str, *, approved: bool, comment: str
) -> tuple[Decision, bool | None]:
    """Record a decision on a waiting release; also whether the run that waits in Prefect was woken.

    Raises:
        ConfigurationError: there is no such release.
        Refused: it does not wait, it was decided before, or this person may not decide.
    """
    store = store_of(settings)
    record = Record.open(store, settings.target, release_id)
    asked = ask.asked_request(record)
    now = datetime.now(UTC)
    if asked is None or record.last("closed") is not None:
        raise Refused(
            f"release {release_id} does not wait for a decision; nothing was decided",
            hint="gate status shows what waits",
        )
    judgement = judge(asked, ask.decisions(record), digest=asked.digest, now=now)
    if judgement.standing is not Standing.WAITING:
        raise Refused(f"release {release_id} was decided already: {judgement.sentence}", hint="gate status")
    decision = Decision(
        approved=approved, digest=asked.digest, who=operator(), door="command-line", comment=comment, at=now
    )
    against = objection(
        decision.who,
        decision.door,
        approved=approved,
        started_by=ask.started_by(record),
        policy=policy.approval,
    )
    ask.decide(record, decision, policy_objection=against)
    event = record.last("asked")
    return decision, wake(event.body.get("prefect", {}) if event else {}, decision)


def show(release_id: str, decision: Decision, *, woken: bool | None) -> None:
    """Say what was recorded, and what happens next."""
    word = "approved" if decision.approved else "rejected"
    click.echo(f"{word} {release_id} as {decision.who}, for plan {decision.digest[:12]}")
    if woken is False:
        click.echo(f"the run that waits in Prefect could not be woken: gate resume {release_id}")
    elif decision.approved:
        click.echo(f"whoever waits goes on within seconds; if nobody does: gate resume {release_id}")
