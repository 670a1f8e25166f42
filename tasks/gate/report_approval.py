"""The report's part on the approval: who was asked what, who answered, and a broken glass in loud words."""

from collections.abc import Sequence

from tasks.gate import wording
from tasks.gate.approval import GLASS_BREAKERS, Decision
from tasks.gate.report_blocks import Block, Cell, Lines, Section, Table, Tone, cells, pairs
from tasks.gate.report_reading import Reading


def approval_section(reading: Reading) -> Section | None:
    """Who was asked what, and who said yes to exactly which digest."""
    asked, decision, every = reading.body("asked"), reading.decision, reading.decisions
    if not asked:
        return None
    needed = needed_of(reading)
    rows = pairs(
        ("digest", Cell(str(asked.get("digest") or ""), code=True)),
        ("asked", wording.moment(str(asked.get("asked_at") or ""))),
        ("expires", wording.moment(str(asked.get("expires_at") or ""))),
        ("needed", f"{needed} different people" if needed > 1 else None),
        ("written by", wording.listing([str(a) for a in asked.get("authors") or ()]) if asked.get("authors") else None),
        ("decided by", decision.who if decision else None),
        ("through", decision.door if decision else None),
        ("when", wording.moment(decision.at) if decision else None),
        ("comment", decision.comment if decision else None),
    )
    blocks: list[Block] = [rows]
    if loud := [f"BREAK-GLASS: {d.who} ({d.door}): {d.comment}" for d in every if d.break_glass]:
        blocks.insert(0, Lines(tuple(loud), tone=Tone.BAD))
    if len(every) > 1:
        blocks.append(_answers(every))
    if evidence := str(asked.get("sentence") or ""):
        blocks.append(Lines(tuple(line for line in evidence.splitlines() if line.strip()), noun="line"))
    if waited := [str(e.body.get("sentence") or "") for e in reading.events if e.kind == "holding"]:
        blocks.append(Lines(tuple(waited), noun="line", tone=Tone.WAIT))
    if voided := reading.text("voided", "reason"):
        blocks.append(Lines((f"void: {voided}",), tone=Tone.BAD))
    return Section("approval", "Approval", approval_sentence(reading), _tone(reading), tuple(blocks))


def needed_of(reading: Reading) -> int:
    """How many different people the newest request asks for."""
    needed = reading.body("asked").get("required")
    return needed if isinstance(needed, int) else 1


def is_approved(reading: Reading) -> bool:
    """True when enough people said yes, or two broke the glass, and nobody stopped it."""
    decision = reading.decision
    if decision is None or not decision.approved:
        return False
    return len(_people(reading, emergency=False)) >= needed_of(reading) or is_emergency(reading)


def approval_sentence(reading: Reading) -> str:
    """Who decided, in one sentence."""
    decision = reading.decision
    if decision is not None and not decision.approved:
        return f"Rejected by {decision.who}: nothing was released."
    people = _people(reading, emergency=False)
    if is_emergency(reading):
        return f"BREAK-GLASS: approved in an emergency by {wording.listing(_people(reading, emergency=True))}."
    missing = needed_of(reading) - len(people)
    if decision is not None and missing <= 0:
        started = reading.text("opened", "by")
        who = "the person who started it" if people == [started] else wording.listing(people)
        return f"Approved by {who}; the approval counts for this digest and nothing else."
    if reading.has("expired"):
        return wording.sentence(reading.text("expired", "sentence") or "nobody decided in time")
    if people:
        return f"Approved by {wording.listing(people)}; {wording.count(missing, 'more approval')} still missing."
    return "Nobody decided yet."


def _tone(reading: Reading) -> Tone:
    decision = reading.decision
    if decision is not None and not decision.approved:
        return Tone.BAD
    if is_approved(reading):
        return Tone.WARN if is_emergency(reading) else Tone.GOOD
    return Tone.BAD if reading.has("expired") else Tone.WAIT


def _people(reading: Reading, *, emergency: bool) -> list[str]:
    """Who said yes, ordinarily or in an emergency, each once."""
    return list(dict.fromkeys(d.who for d in reading.decisions if d.approved and d.break_glass is emergency))


def is_emergency(reading: Reading) -> bool:
    """True when two people broke the glass."""
    return len(_people(reading, emergency=True)) >= GLASS_BREAKERS


def _answers(decisions: Sequence[Decision]) -> Block:
    rows = tuple(cells(wording.clock(d.at.isoformat()), d.who, d.door, _word(d), d.comment) for d in decisions)
    return Table(("When", "Who", "Through", "Said", "Comment"), rows, noun="answer")


def _word(decision: Decision) -> str:
    if not decision.approved:
        return "no"
    return "yes, BREAK-GLASS" if decision.break_glass else "yes"
