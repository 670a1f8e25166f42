"""Records what somebody answered, through whichever door: one conditional event, or the reason why there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.clients.stores import open_store
from tasks.gate.approval import Decision
from tasks.gate.ask_state import AskState, ask_state
from tasks.gate.chain import Event
from tasks.gate.errors import ConfigurationError
from tasks.gate.hearing import hearing
from tasks.gate.people import person_of
from tasks.gate.ruling import Answer, Ruling, rule
from tasks.kill_points import reached
from tasks.record import PATIENCE_SECONDS, Record


@dataclass(frozen=True)
class Decided:
    """What became of an answer."""

    ruling: Ruling
    state: AskState | None = None  # how the ask stands afterwards, for whoever shows it; None for an unknown release
    prefect: Mapping[str, str] | None = None  # the run to wake now, by `flows.wake.wake` once the door has answered


def decide(
    settings: Settings,
    policy: Policy,
    release_id: str,
    *,
    door: str,
    identity: str,
    approved: bool,
    comment: str = "",
    break_glass: bool = False,
    expect_digest: str | None = None,
    facts: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    store: ObjectStore | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Decided:
    """Judge an answer, and record it if it counts. Reads and writes the record alone; production is not needed.

    Safe to call twice and from many processes at once: who was first is settled by the store's conditional write, and
    everybody else gets a ruling that says so. A refusal is a ruling too, never an exception.

    Args:
        settings: target and store.
        policy: gate.toml, which must be the one that the release was asked under.
        release_id: the release that waits.
        door: a key of `people.IDENTITY_OF_DOOR`.
        identity: what the door itself knows the person by: a Slack user id, a GitHub login, an operating-system user, a
            database role; for the Prefect UI the name that was typed. The door has proved it, as far as it can.
        approved: a yes.
        comment: what they said; the reason of a no, or of an emergency.
        break_glass: a yes in an emergency.
        expect_digest: the plan that the person was shown, where the door knows it.
        facts: what the door can prove besides; recorded.
        now: the clock.
        store: an open store, for a door that keeps one; else the one that the settings name.
        patience_seconds: for how long a store that cannot be reached is tried again.

    Raises:
        ConfigurationError, Unreachable, BrokenChain: the store cannot be used; nobody knows whether it was recorded.
    """
    reached("decide:begin")
    try:
        record = Record.open(
            store or open_store(settings.store_address), settings.target, release_id, patience_seconds=patience_seconds
        )
    except ConfigurationError as unknown:
        if unknown.nouns.get("release") != release_id:
            raise
        return Decided(Ruling(answer=Answer.UNKNOWN, sentence=unknown.message, hint=unknown.hint))
    moment = now()
    asked = hearing(record.events).request
    decision = Decision(
        approved=approved,
        digest=expect_digest if expect_digest is not None else asked.digest if asked else "",
        who=person_of(policy, door, identity),
        door=door,
        comment=comment.strip(),
        at=moment,
        release=release_id,
        identity=identity.strip(),
        break_glass=break_glass and approved,
        facts=dict(facts or {}),
    )
    ruling = record_decision(record, decision, policy=policy, now=moment)
    heard = hearing(record.events)
    settled = ruling.accepted and not ruling.missing
    return Decided(ruling, ask_state(heard, policy, now()), heard.prefect if settled else None)


def record_decision(record: Record, decision: Decision, *, policy: Policy, now: datetime) -> Ruling:
    """Write an answer into a record that is open already, if it counts; the ruling says what became of it."""
    rulings: list[Ruling] = []

    def judge(events: tuple[Event, ...]) -> Decision | None:
        rulings.append(rule(record.release, hearing(events), decision, policy=policy, now=now))
        return rulings[-1].decision if rulings[-1].accepted else None

    record.append_if("approved" if decision.approved else "rejected", judge)
    return rulings[-1]
