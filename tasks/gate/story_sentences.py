"""What each event of a release says to a person: one sentence a kind, whatever its body holds."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from tasks.gate import wording

Body = Mapping[str, Any]


def said(kind: str, body: Body) -> str:
    """The sentence of an event; an unknown kind is named, never an error."""
    speak = _SPOKEN.get(kind)
    return (speak(body) if speak else "") or text(body, "sentence") or kind.replace("_", " ")


def text(body: Body, name: str) -> str:
    """A value as text on one line; empty when it is missing or no single value."""
    value = body.get(name)
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""


def minute(value: object) -> str:
    """A recorded time to the minute, in UTC, as sentences say it."""
    found = wording.parse_moment(str(value))
    return f"{found.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if found else "an unknown time"


def _rows(body: Body, name: str) -> list[Any]:
    value = body.get(name)
    return value if isinstance(value, list) else []


def _inside(body: Body, name: str) -> Body:
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def _number(body: Body, name: str) -> float:
    value = body.get(name)
    return value if isinstance(value, int | float) and abs(value) < 1e18 else 0  # noqa: PLR2004


def _opened(body: Body) -> str:
    return f"opened by {text(body, 'by') or 'somebody'}{_door(body)}"


def _claimed(body: Body) -> str:
    return f"taken up again by {text(body, 'by') or text(body, 'owner') or 'another process'}"


def _planned(body: Body) -> str:
    plan = _inside(body, "plan") or body
    problems, pending = _rows(plan, "problems"), _rows(plan, "pending")
    if problems:
        return f"the plan has {wording.count(len(problems), 'problem')}"
    tags = [text(one, "tag") for one in pending if isinstance(one, Mapping)]
    return f"{wording.count(len(pending), 'migration')} pending{_listed(tags)}"


def _checked(body: Body) -> str:
    findings = [one for one in _rows(body, "findings") if isinstance(one, Mapping)]
    verdicts = [text(one, "verdict") for one in findings]
    words = (("pass", "passed"), ("warn", "warned"), ("waived", "waived"), ("fail", "failed"))
    counts = [f"{verdicts.count(verdict)} {word}" for verdict, word in words if verdict in verdicts]
    return f"{wording.count(len(findings), 'check')} ran" + (f": {', '.join(counts)}" if counts else "")


def _backed_up(body: Body) -> str:
    taken = "reused" if body.get("reused") is True else "stored"
    return f"{text(body, 'backup') or 'the backup'} {taken}, {wording.size(int(_number(body, 'bytes')))}"


def _proved(body: Body) -> str:
    tables = wording.count(int(_number(body, "tables")), "table")
    rows = wording.count(int(_number(body, "rows")), "row")
    return f"{text(body, 'backup') or 'the backup'} was restored and compared: {tables}, {rows}"


def _rehearsed(body: Body) -> str:
    statements = wording.count(len(_rows(body, "statements")), "statement")
    back = text(_inside(body, "rollback"), "sentence")
    return f"{statements} rehearsed in {wording.duration(_number(body, 'seconds'))}" + (f"; {back}" if back else "")


def _asked(body: Body) -> str:
    digest = text(body, "digest")[:12] or "unknown"
    return f"waits until {minute(body.get('expires_at'))} for a yes to plan {digest}"


def _approved(body: Body) -> str:
    loud = "BREAK-GLASS, " if body.get("break_glass") is True else ""
    return f"{loud}approved by {text(body, 'who') or 'somebody'}{_door(body)}{_comment(body)}"


def _rejected(body: Body) -> str:
    return f"rejected by {text(body, 'who') or 'somebody'}{_door(body)}{_comment(body)}; production was not touched"


def _expired(body: Body) -> str:
    return text(body, "sentence") or "nobody decided in time; production was not touched"


def _voided(body: Body) -> str:
    return f"the approval is void: {text(body, 'reason') or 'what it covered has changed'}"


def _applying(body: Body) -> str:
    return text(body, "sentence") or "the migrations are being applied to production"


def _applied(body: Body) -> str:
    return text(body, "sentence") or "the migrations are in production"


def _verified(body: Body) -> str:
    return text(body, "sentence") or "production is as it was rehearsed"


def _failed(body: Body) -> str:
    return f"failed: {text(body, 'sentence') or text(body, 'reason') or 'production was being changed'}"


def _recovering(body: Body) -> str:
    rung = text(body, "rung")
    return text(body, "sentence") or "production is being brought back" + (f" by {rung}" if rung else "")


def _restored_beside(body: Body) -> str:
    return (
        text(body, "sentence") or f"the backup was restored beside production as {text(body, 'database') or 'a copy'}"
    )


def _door(body: Body) -> str:
    return f" ({text(body, 'door')})" if text(body, "door") else ""


def _comment(body: Body) -> str:
    comment = text(body, "comment") or text(body, "reason")
    return f": {comment}" if comment else ""


def _listed(tags: list[str]) -> str:
    shown = [tag for tag in tags if tag][:3]
    more = len(tags) - len(shown)
    return f": {', '.join(shown)}{f' and {more} more' if more > 0 else ''}" if shown else ""


_SPOKEN: dict[str, Callable[[Body], str]] = {
    "opened": _opened,
    "claimed": _claimed,
    "planned": _planned,
    "checked": _checked,
    "backed_up": _backed_up,
    "proved": _proved,
    "rehearsed": _rehearsed,
    "asked": _asked,
    "approved": _approved,
    "rejected": _rejected,
    "expired": _expired,
    "holding": lambda body: text(body, "sentence") or "waiting for the window",
    "voided": _voided,
    "applying": _applying,
    "applied": _applied,
    "verified": _verified,
    "failed": _failed,
    "recovering": _recovering,
    "restoring": lambda body: f"a person asked to restore {text(body, 'backup') or 'a backup'}",
    "restored_beside": _restored_beside,
}
