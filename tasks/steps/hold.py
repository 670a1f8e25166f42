"""Between approval and apply: what an approved plan still waits for, a window, a freeze, a calm production."""

from datetime import UTC, datetime

from tasks.clients import postgres
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.evidence import BY_POLICY
from tasks.gate.model import Model
from tasks.gate.opening import opening
from tasks.gate.plan import Plan
from tasks.gate.wording import listing
from tasks.production_calm import unrest, wanted
from tasks.release import Release
from tasks.steps import ask
from tasks.workshop import production_url

WINDOW = "window"  # the check of that name: who waives it waives the waiting too


class Held(Model):
    """Why an approved plan may not begin yet."""

    sentence: str
    until: datetime | None = None  # None where nobody knows


def what_holds(release: Release, plan: Plan) -> Held | None:
    """What the plan waits for at this moment; None when it may begin.

    Raises:
        Refused: it will never begin under these windows.
    """
    return closed_window(release, plan) or _unrest(release)


def closed_window(release: Release, plan: Plan) -> Held | None:
    """The window or freeze that holds the plan; None when it is open, or need not be.

    Raises:
        Refused: it never opens.
    """
    now = opening(release.policy, release.now())
    if now.open or passes(release, plan):
        return None
    if now.opens_at is None:
        raise Refused(
            f"the deployment window is closed, and it never opens: {now.sentence}",
            hint="change the [[window]] and [[freeze]] tables in gate.toml, then `gate run`",
        )
    asked = ask.heard(release).request
    late = asked is not None and asked.expires_at <= now.opens_at
    expires = f"; the approval expires before that, at {_minute(asked.expires_at)}" if asked and late else ""
    sentence = f"waiting for the window until {_minute(now.opens_at)}: {now.sentence}{expires}"
    return Held(sentence=sentence, until=now.opens_at)


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def passes(release: Release, plan: Plan) -> str:
    """Why this plan need not wait for windows and freezes, in words; empty when it must."""
    opened = release.record.last("opened")
    waivers = opened.body.get("waivers") or [] if opened else []
    named = next((w for w in waivers if w.get("check") == WINDOW), None)
    if named is not None:
        return f"the window is waived by {named.get('by')}: {named.get('reason')}"
    if reason := release.policy.checks.waived.get(WINDOW):
        return f"the window is waived by {BY_POLICY}: {reason}"
    if ask.standing(release, plan).break_glass:
        return "BREAK-GLASS: windows and freezes are passed"
    return ""


def _unrest(release: Release) -> Held | None:
    conditions = release.policy.conditions
    if not wanted(conditions):
        return None
    try:
        with postgres.connect(production_url(release.settings), purpose="calm", read_only=True) as connection:
            found = unrest(connection, conditions)
    except ConfigurationError as away:
        return Held(sentence=f"waiting for production to answer: {away.message}")
    return Held(sentence=f"waiting until production is calm: {listing(found, limit=3)}") if found else None


def note(release: Release, held: Held, prefect: dict[str, str]) -> bool:
    """Write down what is waited for and by which run of Prefect, when that is another than before; True when it was."""
    last = next((e for e in reversed(release.record.events) if e.kind in {"holding", "cleared"}), None)
    same = last is not None and last.kind == "holding" and last.body.get("prefect", {}) == prefect
    if same and last is not None and _same(str(last.body.get("sentence")), held):
        return False
    until = held.until.isoformat() if held.until else ""
    release.record.append("holding", {"sentence": held.sentence, "until": until, "prefect": prefect})
    return True


def clear(release: Release) -> None:
    """Write down that the waiting is over, where it was written down that it began."""
    last = next((e for e in reversed(release.record.events) if e.kind in {"holding", "cleared"}), None)
    if last is not None and last.kind == "holding":
        release.record.append("cleared", {"sentence": "the waiting is over: nothing holds the release any more"})


def _same(before: str, held: Held) -> bool:
    """Whether that was said before; what production does changes all the time, and one event for it is enough."""
    kind = held.sentence.partition(":")[0]
    return before == held.sentence or (held.until is None and before.partition(":")[0] == kind)


def refuse_if_closed(release: Release, plan: Plan) -> None:
    """The last look before the first statement.

    Raises:
        Refused: a window closed, or a freeze began, since the release was let through.
    """
    if (held := closed_window(release, plan)) is not None:
        raise Refused(
            f"the deployment window closed before anything ran: {held.sentence}",
            hint="`gate run` again: it waits for the window",
        )
