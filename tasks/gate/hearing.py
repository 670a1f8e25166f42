"""What a record says of its approval: what was asked last, who answered since, and what became of it."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field, ValidationError

from config.policy import Policy
from tasks.gate.approval import Decision, Judgement, Request, Standing, judge
from tasks.gate.chain import Event
from tasks.gate.model import Model
from tasks.gate.wording import parse_moment


class Hearing(Model):
    """The newest request and everything that bears on it."""

    request: Request | None = None
    decisions: tuple[Decision, ...] = ()  # since that request, in the order of the record
    prefect: dict[str, str] = Field(default_factory=dict)  # the run that waits: api, flow_run
    expired: bool = False  # somebody wrote down that nobody answered in time
    void: str = ""  # why it counts for nothing any more
    holding: str = ""  # what the approved plan waits for, in words; empty when for nothing
    holding_until: str = ""  # when that ends, ISO 8601; empty where nobody knows
    applying: bool = False  # production is being touched, or was
    closed: str = ""  # the last sentence of the release


def hearing(events: Sequence[Event]) -> Hearing:
    """Read the events of a release; what cannot be read is no yes."""
    at = next((n for n in range(len(events) - 1, -1, -1) if events[n].kind == "asked"), None)
    ended = next((e for e in events if e.kind == "closed"), None)
    closed = str(ended.body.get("sentence") or "the release is closed") if ended else ""
    if at is None:
        return Hearing(closed=closed)
    body = dict(events[at].body)
    waits = body.pop("prefect", None) or {}
    try:
        asked = Request.model_validate(body)
    except ValidationError:
        return Hearing(closed=closed)  # of another version, or damaged: nobody can have answered that
    since, release = events[at + 1 :], str(events[0].body.get("release") or "")
    held = next((e for e in reversed(since) if e.kind in {"holding", "cleared"}), None)
    holding = held.body if held is not None and held.kind == "holding" else {}
    prefect = holding.get("prefect") or waits
    voided = next((e for e in since if e.kind == "voided"), None)
    return Hearing(
        request=asked,
        decisions=tuple(d for e in since if (d := _decision(e, asked, release)) is not None),
        prefect={str(k): str(v) for k, v in prefect.items()},
        expired=any(e.kind == "expired" for e in since),
        void=str(voided.body.get("reason") or "what it covered has changed") if voided else "",
        holding=str(holding.get("sentence") or ""),
        holding_until=str(holding.get("until") or ""),
        applying=any(e.kind in {"applying", "recovering", "swapping"} for e in since),
        closed=closed,
    )


def stands(heard: Hearing, *, policy: Policy, now: datetime, digest: str | None = None) -> Judgement:
    """Where the ask stands, with what was written down about it: once void or expired, it stays so.

    Args:
        heard: what the record holds.
        policy: gate.toml as it is now.
        now: the moment of the question.
        digest: what the plan's digest is now; the one that was asked for where nobody has looked.
    """
    asked = heard.request
    wanted = digest if digest is not None else asked.digest if asked else ""
    judged = judge(asked, heard.decisions, digest=wanted, policy=policy, now=now)
    if judged.standing in {Standing.REJECTED, Standing.VOID, Standing.NOT_ASKED}:
        return judged
    if heard.void:
        words = f"the request is void: {heard.void}"
        return judged.model_copy(update={"standing": Standing.VOID, "sentence": words})
    if heard.expired and judged.standing is not Standing.EXPIRED:  # whatever the clock says since
        return judged.model_copy(update={"standing": Standing.EXPIRED, "sentence": "the request expired"})
    return judged


def _decision(event: Event, asked: Request, release: str) -> Decision | None:
    """An answer; a no that cannot be read is a no all the same, and a yes to another release is none."""
    if event.kind not in {"approved", "rejected"}:
        return None
    try:
        decision = Decision.model_validate(event.body)
    except ValidationError:
        if event.kind == "approved":
            return None
        at = parse_moment(event.at) or asked.asked_at
        return Decision(approved=False, digest=asked.digest, who="somebody", door="unknown", at=at)
    if event.kind == "approved" and (not decision.approved or decision.release not in {"", release}):
        return None
    return decision.model_copy(update={"approved": event.kind == "approved"})
