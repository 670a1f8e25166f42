"""Folds the events of a release into what a person asks: where it stands, since when, and what to type next."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tasks.gate.chain import Event
from tasks.gate.model import Model
from tasks.gate.story_approvals import Answers
from tasks.gate.story_sentences import minute, said, text
from tasks.gate.wording import between, parse_moment

WAITING, HALTED, APPROVED, EXPIRED = "waiting for approval", "halted", "approved", "expired"
HOLDING = "waiting for the window"
INTERRUPTED, REJECTED, REFUSED, RECOVERED = "interrupted", "rejected", "refused", "recovered"

# The state that an event leads to. What is not named here (a note, a claim) leaves the state as it is.
LEADS_TO = {
    "opened": "checking",
    "planned": "checking",
    "checked": "backing up",
    "backed_up": "backing up",
    "proved": "rehearsing",
    "rehearsed": "rehearsing",
    "asked": WAITING,
    "approved": APPROVED,
    "rejected": REJECTED,
    "expired": EXPIRED,
    "holding": HOLDING,
    "cleared": APPROVED,
    "voided": "checking",
    "refused": REFUSED,
    "applying": "applying",
    "applied": "verifying",
    "verified": "verifying",
    "failed": "recovering",
    "recovering": "recovering",
    "restoring": "restoring",
    "restored_beside": "recovering",
    "swapping": "recovering",
    "swapped": "recovering",
    "recovered": RECOVERED,
    "not_recovered": HALTED,
}
ENDS = {
    "released": "released",
    "nothing-pending": "nothing pending",
    "refused": REFUSED,
    "misconfigured": REFUSED,
    "failed": REFUSED,
    "rejected": REJECTED,
    "expired": EXPIRED,
    "recovered": RECOVERED,
    "restored": "restored",
    "rolled-back": "rolled back",
    "repaired": "repaired",
    "not-recovered": HALTED,
    "interrupted": INTERRUPTED,
    "busy": INTERRUPTED,
}
STEPS = {
    "opened": "Open",
    "planned": "Plan",
    "checked": "Preflight",
    "backed_up": "Back up",
    "proved": "Prove the backup",
    "rehearsed": "Rehearse",
    "approved": "Ask",
    "rejected": "Ask",
    "expired": "Ask",
    "applied": "Apply",
    "verified": "Verify",
    "recovered": "Recover",
    "not_recovered": "Recover",
}
BEGINS = {"Ask": "asked", "Recover": "failed"}  # these began with an event of their own, others with the one before
PATIENT = (WAITING, HOLDING, HALTED, EXPIRED)  # a process that was stopped there is not missed


class Step(Model):
    """One step that was done, for a table."""

    name: str
    started_at: str  # UTC, ISO 8601
    seconds: float
    sentence: str


class Story(Model):
    """A release, as its record tells it."""

    id: str
    state: str  # one of LEADS_TO's and ENDS' values, or "interrupted"
    sentence: str
    next: str = ""  # the one command to type now; empty when nothing is to be done
    outcome: str = ""  # empty while the release is open
    exit_code: int | None = None
    digest: str = ""  # what was asked for last, else what was planned
    expires_at: str = ""
    backup: str = ""
    claimed_by: str = ""
    started_at: str = ""
    ended_at: str = ""
    holds_until: str = ""  # the moment that an approved release waits for, where it is known
    latest_at: str = ""  # when its last event was written
    steps: tuple[Step, ...] = ()


def fold(events: Sequence[Event], now: datetime, release: str = "") -> Story:
    """The story so far. Never fails on what a body holds: a halted release must stay readable.

    Args:
        events: the record, in order; may end anywhere.
        now: the moment of the question, for what expires.
        release: the id, when the first event does not hold it.
    """
    first = events[0] if events else None
    name = release or (text(first.body, "release") if first else "")
    state, sentence = _standing(events, now)
    ended = next((e for e in events if e.kind == "closed"), None)
    planned, asked, backup = (_body(events, kind) for kind in ("planned", "asked", "backed_up"))
    claim = next((e for e in reversed(events) if e.kind == "claimed"), first)
    halted = state == HALTED
    return Story(
        id=name,
        state=state,
        sentence=sentence,
        next=_next(name, state, closed=ended is not None),
        outcome=(text(ended.body, "outcome") if ended else "") or ("not-recovered" if halted else ""),
        exit_code=_exit_code(ended) if ended else (6 if halted else None),
        digest=text(asked, "digest") or text(planned, "digest"),
        expires_at=text(asked, "expires_at"),
        backup=text(backup, "backup"),
        claimed_by=claim.by if claim else "",
        started_at=first.at if first else "",
        ended_at=ended.at if ended else "",
        holds_until=text(_body(events, "holding"), "until") if state == HOLDING else "",
        latest_at=events[-1].at if events else "",
        steps=_steps(events),
    )


def _standing(events: Sequence[Event], now: datetime) -> tuple[str, str]:
    state, sentence = "checking", "its first event is missing" if events else "nothing is recorded yet"
    interrupted, answers = False, Answers({})
    for event in events:
        if event.kind == "closed":
            return _end(event)
        if event.kind in LEADS_TO and (state, event.kind) != (HOLDING, "approved"):  # it waits on, whoever joins in
            state, sentence = LEADS_TO[event.kind], said(event.kind, event.body)
        if event.kind == "asked":
            answers = Answers(event.body)
        elif event.kind == "approved" and (missing := answers.missing_after(event.body)):
            state, sentence = WAITING, f"{sentence}; {missing}"
        interrupted = event.kind == "noted" and text(event.body, "sentence").startswith(INTERRUPTED)
    if state in (WAITING, HOLDING, APPROVED) and (late := _too_late(events, now, state, sentence)):
        return EXPIRED, late
    if interrupted and state not in PATIENT:
        return INTERRUPTED, f"interrupted while {state}; the last that is known: {sentence}"
    return state, sentence


def _end(event: Event) -> tuple[str, str]:
    outcome = text(event.body, "outcome")
    return ENDS.get(outcome, REFUSED), text(event.body, "sentence") or f"closed: {outcome or 'for an unknown reason'}"


def _too_late(events: Sequence[Event], now: datetime, state: str, sentence: str) -> str:
    until = _body(events, "asked").get("expires_at")
    expires = parse_moment(str(until))
    if expires is None or now.astimezone(UTC) < expires:
        return ""
    before = f"{sentence}, but the approval" if state != WAITING else "nobody decided, and the request"
    return f"{before} expired at {minute(until)}; production was not touched"


def _next(release: str, state: str, *, closed: bool) -> str:
    if state == HALTED:
        return f"gate resume {release}".strip()
    if closed:
        return ""
    verb = "approve" if state == WAITING else "resume"
    return f"gate {verb} {release}".strip()


def _exit_code(ended: Event) -> int | None:
    code = ended.body.get("exit_code")
    return code if isinstance(code, int) else None


def _steps(events: Sequence[Event]) -> tuple[Step, ...]:
    steps = []
    begun: dict[str, str] = {}  # kind -> when it was written last
    before = ""
    for event in events:
        name = STEPS.get(event.kind)
        if name:
            started = begun.get(BEGINS.get(name, "")) or before or event.at
            steps.append(
                Step(
                    name=name,
                    started_at=started,
                    seconds=_between(started, event.at),
                    sentence=said(event.kind, event.body),
                )
            )
        begun[event.kind] = event.at
        if event.kind != "noted":
            before = event.at
    return tuple(steps)


def _between(start: str, end: str) -> float:
    return max(0.0, between(start, end) or 0.0)  # a clock may have stepped back


def _body(events: Sequence[Event], kind: str) -> dict[str, object]:
    return next((e.body for e in reversed(events) if e.kind == kind), {})
