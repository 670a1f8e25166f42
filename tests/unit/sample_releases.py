"""Records of releases as the gate writes them, built from the real models: shipped, refused, waiting, brought back."""

from datetime import timedelta
from typing import Any

from tasks.gate.chain import GENESIS, Event, encode
from tasks.gate.model import Model, sha256
from tasks.gate.plan import Plan, Problem
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.report import Report, compile_report
from tasks.gate.story import fold
from tests.unit.sample_evidence import (
    BACKUP,
    IDENTITY,
    RELEASE,
    START,
    TARGET,
    applied,
    findings,
    plan,
    proof,
    recovery,
    rehearsal,
    verified,
)


def chain(*entries: tuple[str, float, Model | dict[str, Any]]) -> tuple[Event, ...]:
    """Events of a record: kind, seconds after the one before, body."""
    events: list[Event] = []
    at, previous = START, GENESIS
    for number, (kind, seconds, body) in enumerate(entries, start=1):
        at += timedelta(seconds=seconds)
        content = body if isinstance(body, dict) else body.model_dump(mode="json")
        events.append(
            Event(number=number, kind=kind, at=at.isoformat(), by="web-3:811:aa", body=content, previous=previous)
        )
        previous = sha256(encode(events[-1]))
    return tuple(events)


def opened(**changed: Any) -> tuple[str, float, dict[str, Any]]:
    """The first event."""
    body = {
        "by": "mira",
        "door": "terminal",
        "host": "web-3",
        "identity": IDENTITY.model_dump(mode="json"),
        "waivers": [],
    }
    return "opened", 0.0, {**body, "release": RELEASE, **changed}


def until_asked(the_plan: Plan | None = None, the_rehearsal: Rehearsal | None = None) -> list[Any]:
    """Everything up to the request for approval."""
    this = the_plan or plan()
    stored = {"backup": BACKUP, "bytes": 8_412_776, "sha256": sha256(b"dump"), "taken_at": START.isoformat()}
    asked = {
        "digest": this.digest,
        "asked_at": (START + timedelta(seconds=20)).isoformat(),
        "expires_at": (START + timedelta(hours=4)).isoformat(),
        "started_by": "mira",
        "sentence": "1 migration to shop\nrehearsed in 1.3 s\nway back: rollback SQL",
    }
    return [
        opened(),
        ("planned", 0.4, {"plan": this.model_dump(mode="json"), "digest": this.digest}),
        ("checked", 2.1, {"findings": [f.model_dump(mode="json") for f in findings()]}),
        ("backed_up", 2.4, {**stored, "seconds": 2.3}),
        ("proved", 4.3, proof()),
        ("rehearsed", 6.2, the_rehearsal or rehearsal()),
        ("asked", 0.1, asked),
    ]


def decision(kind: str = "approved", **changed: Any) -> tuple[str, float, dict[str, Any]]:
    """Somebody said yes or no, five and a half minutes later."""
    body = {"approved": kind == "approved", "digest": plan().digest, "who": "jon", "door": "command-line"}
    return kind, 330.0, {**body, "comment": "looks good", "at": (START + timedelta(seconds=350)).isoformat(), **changed}


def closed(outcome: str, sentence: str, exit_code: int) -> tuple[str, float, dict[str, Any]]:
    """The last event."""
    return "closed", 0.1, {"outcome": outcome, "sentence": sentence, "exit_code": exit_code}


def shipped() -> tuple[Event, ...]:
    """A release that went through."""
    return chain(
        *until_asked(),
        decision(),
        ("applying", 0.8, {"attempt": 1}),
        ("applied", 2.0, applied()),
        ("verified", 2.2, verified()),
        closed("released", "1 migration is in production and verified", 0),
    )


def brought_back() -> tuple[Event, ...]:
    """A release that failed in production and was restored from the backup."""
    failure = "the health endpoint answered 500 five times: column orders.total does not exist"
    return chain(
        *until_asked(),
        decision(),
        ("applying", 0.8, {"attempt": 1}),
        ("applied", 2.0, applied()),
        ("failed", 5.1, {"sentence": failure, "hint": "", "kind": "GateError"}),
        ("recovering", 0.1, {"rung": "restore", "sentence": "no rollback SQL was proved; the backup is restored"}),
        ("restored_beside", 4.4, {"database": "shop_restored_3fa94c"}),
        ("swapping", 0.5, {"from": "shop_restored_3fa94c", "to": "shop"}),
        ("swapped", 0.2, {"sentence": "the names were exchanged in 0.2 s"}),
        ("recovered", 1.9, recovery()),
        closed("recovered", f"failed: {failure}; {recovery().sentence}", 5),
    )


def refused() -> tuple[Event, ...]:
    """A release whose plan had a file that was edited after it ran."""
    this = plan(
        problems=(
            Problem(
                cause="0002_prices.sql was edited after it ran on staging",
                remedy="put the file back with git, and write the change as a new migration",
                tag="0002_prices",
                kind="edited",
            ),
        )
    )
    sentence = "0002_prices.sql was edited after it ran on staging"
    return chain(
        opened(),
        ("planned", 0.4, {"plan": this.model_dump(mode="json"), "digest": this.digest}),
        ("refused", 0.1, {"sentence": sentence, "hint": "put the file back"}),
        closed("refused", sentence, 3),
    )


def waiting() -> tuple[Event, ...]:
    """A release that waits for a decision."""
    return chain(*until_asked())


def report(events: tuple[Event, ...], **more: Any) -> Report:
    """The report of a record, three minutes after it began."""
    return compile_report(RELEASE, TARGET, events, fold(events, START + timedelta(minutes=3), RELEASE), **more)
