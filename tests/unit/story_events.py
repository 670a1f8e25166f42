"""The events of a release as its steps write them, for tests of what is told of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.gate.chain import Event

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ID = "20261123-120000-shop-abc123"
BODIES: dict[str, dict[str, Any]] = {
    "opened": {"release": ID, "by": "ada", "door": "command-line"},
    "claimed": {"by": "bob", "host": "h"},
    "planned": {"plan": {"pending": [{"tag": "0001_a"}, {"tag": "0002_b"}], "problems": []}, "digest": "d" * 64},
    "checked": {"findings": [{"verdict": "pass"}, {"verdict": "waived"}, {"verdict": "pass"}]},
    "backed_up": {"backup": "backup-20261123-120000", "bytes": 13_400_000},
    "proved": {"backup": "backup-20261123-120000", "tables": 12, "rows": 200_000},
    "rehearsed": {"statements": [{}, {}], "seconds": 1.8, "rollback": {"sentence": "the rollback SQL holds"}},
    "asked": {"digest": "d" * 64, "expires_at": "2026-11-23T16:00:00Z"},
    "approved": {"digest": "d" * 64, "who": "bob", "door": "command-line", "comment": "go"},
    "rejected": {"digest": "d" * 64, "who": "bob", "door": "slack", "comment": "not today"},
    "expired": {"sentence": "nobody decided, and the request expired at 2026-11-23 16:00 UTC"},
    "voided": {"reason": "0002_b was edited"},
    "refused": {"sentence": "staging drifted"},
    "failed": {"sentence": "the health URL answers 500"},
    "recovering": {"rung": "restore"},
    "restored_beside": {"database": "shop_restored"},
    "recovered": {"sentence": "production is as it was at 12:00"},
    "not_recovered": {"sentence": "failed: x; and not brought back: y", "next": "look at production"},
    "closed": {"outcome": "released", "sentence": "2 migrations are in production and verified", "exit_code": 0},
}


def events(*kinds: str, **bodies: dict[str, Any]) -> list[Event]:
    return [
        Event(
            number=number,
            kind=kind,
            at=(START + timedelta(seconds=number)).isoformat(),
            by="host:1:aa",
            body=bodies.get(kind, BODIES.get(kind, {})),
            previous="0" * 64,
        )
        for number, kind in enumerate(kinds, start=1)
    ]
