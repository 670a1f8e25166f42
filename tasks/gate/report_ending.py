"""The report's last parts: what happened in production, the recovery, and the record itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.gate import wording
from tasks.gate.accounts import Accounts
from tasks.gate.applied import Applied, Verified
from tasks.gate.chain import Event
from tasks.gate.rehearsal import TEXTS
from tasks.gate.report_blocks import Block, Cell, Lines, Pairs, Section, Table, Tone, cells, pairs
from tasks.gate.report_reading import Body, Reading

RECOVERY = ("failed", "recovering", "restored_beside", "swapping", "swapped", "recovered", "not_recovered")
SAID = 90  # characters of an event's sentence in the list of all events
# Said elsewhere, or too long to say.
UNSAID = frozenset({"sentence", "prefect", "statements"}) | TEXTS


def production_section(reading: Reading) -> Section | None:
    """What was done to production, and what was looked at afterwards."""
    if not reading.has("applying", "applied"):
        return None
    blocks: list[Block] = []
    if applied := reading.applied:
        blocks.append(_applied(applied))
    else:
        blocks += spoken(reading.body("applied"))
    if verified := reading.verified:
        blocks.append(Lines(tuple(f"verified: {check}" for check in verified.checks), noun="check", tone=Tone.GOOD))
        blocks.append(pairs(("verified in", wording.duration(verified.seconds)), ("watched for", _watched(verified))))
    if failed := reading.text("failed", "sentence"):
        blocks.append(Lines((f"failed: {failed}",), tone=Tone.BAD))
    tone = Tone.BAD if failed else Tone.GOOD if reading.has("verified") else Tone.WAIT
    return Section("production", "In production", _production_sentence(reading), tone, tuple(blocks))


def _production_sentence(reading: Reading) -> str:
    applied, rehearsal = reading.applied, reading.rehearsal
    if applied is None:
        return (
            "The plan was applied." if reading.has("applied") else "The plan was started; its end is not in the record."
        )
    expected = f"; the rehearsal had taken {wording.duration(rehearsal.seconds)}" if rehearsal else ""
    return wording.sentence(applied.sentence + expected)


def _applied(applied: Applied) -> Block:
    return pairs(
        ("committed", wording.moment(applied.finished_at)),
        ("took", wording.duration(applied.seconds)),
        ("attempts", wording.number(applied.attempts)),
        ("transaction", Cell(applied.xid or "", code=True)),
        ("WAL position", Cell(applied.lsn or "", code=True)),
    )


def _watched(verified: Verified) -> str:
    return wording.duration(verified.watched_seconds) if verified.watched_seconds else ""


def recovery_section(reading: Reading) -> Section | None:
    """What failed, on which rung production was brought back, what was kept, and which rows are accounted for."""
    if not reading.has(*RECOVERY):
        return None
    end = reading.last("recovered", "not_recovered")
    sentence = str(end.body.get("sentence") or "") if end else "the recovery has not ended yet"
    tone = Tone.WAIT if end is None else Tone.BAD if end.kind == "not_recovered" else Tone.WARN
    rows = tuple(_recovery_row(event) for event in reading.events if event.kind in RECOVERY)
    blocks: list[Block] = [Table(("When", "What", "In words"), rows, noun="event")]
    recovery = reading.recovery
    if recovery is not None:
        blocks.append(pairs(("rung", str(recovery.rung)), ("kept as", Cell(recovery.failed_database or "", code=True))))
        blocks += _accounts(recovery.accounts) if recovery.accounts else []
    else:
        blocks += [block for kind in RECOVERY[1:] for block in spoken(reading.body(kind))]
    return Section("recovery", "Recovery", wording.sentence(sentence), tone, tuple(blocks))


def _recovery_row(event: Event) -> tuple[Cell, ...]:
    said = event.body.get("sentence") or event.body.get("database") or event.body.get("rung") or ""
    if event.kind in {"recovered", "not_recovered"}:
        said = ""  # it is the sentence above the table
    return cells(wording.clock(event.at), event.kind.replace("_", " "), str(said))


def _accounts(accounts: Accounts) -> list[Block]:
    """The rows that are only in the failed database."""
    rows = tuple(
        (
            Cell(table.table, code=True),
            *cells(*(wording.number(n) if n else "" for n in (table.inserted, table.updated, table.deleted))),
            Cell(wording.number(table.by_migration) if table.by_migration else ""),
            *cells(wording.number(table.rows_failed), wording.number(table.rows_restored), table.matched_by),
        )
        for table in accounts.tables
    )
    head = ("Table", "Inserted", "Updated", "Deleted", "By the migration", "Rows there", "Rows here", "Matched by")
    blocks: list[Block] = [Lines((wording.sentence(accounts.sentence),), tone=Tone.WARN)]
    if rows:
        blocks.append(Table(head, rows, noun="table", right=frozenset({1, 2, 3, 4, 5, 6})))
    salvaged = tuple(f"{table.table} as CSV: {table.salvage}" for table in accounts.tables if table.salvage)
    blocks += [Lines(lines, noun="line") for lines in (salvaged, accounts.notes) if lines]
    blocks.append(pairs(("tables compared", wording.number(accounts.compared))))
    return blocks


def spoken(body: Body) -> list[Block]:
    """A body of the record in words: figures with their units, lists as lines, lists of objects as tables."""
    rows = tuple((_label(name), _value(name, value)) for name, value in body.items() if name not in UNSAID)
    blocks: list[Block] = []
    if kept := tuple((name, cell) for name, cell in rows if cell is not None and cell.text):
        blocks.append(Pairs(kept))
    for name, value in body.items():
        if name in UNSAID:
            continue
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            blocks.append(_many(name, value))
        elif isinstance(value, Mapping) and value:
            flat = tuple((_label(str(k)), cell) for k, v in value.items() if (cell := _value(str(k), v)) is not None)
            blocks.append(Pairs(flat))
    return blocks


def _many(name: str, values: Sequence[Any]) -> Block:
    if not all(isinstance(value, Mapping) for value in values):
        return Lines(
            tuple(f"{_label(name)}: {value}" for value in values), noun=_label(name).removesuffix("s") or "line"
        )
    heads = list(dict.fromkeys(str(key) for value in values for key in value))
    rows = tuple(tuple(_value(head, value.get(head)) or Cell("") for head in heads) for value in values)
    figures = {i for i, h in enumerate(heads) if all(isinstance(v.get(h), int | float) for v in values)}
    return Table(
        tuple(_label(head) for head in heads), rows, noun=_label(name).removesuffix("s"), right=frozenset(figures)
    )


def _label(name: str) -> str:
    return name.removesuffix("_seconds").removesuffix("_bytes").replace("_", " ")


def _value(name: str, value: object) -> Cell | None:
    if value is None or (isinstance(value, Sequence | Mapping) and not isinstance(value, str)):
        return None
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int | float) and name.endswith("seconds"):
        return Cell(wording.duration(value))
    if isinstance(value, int) and name.endswith("bytes"):
        return Cell(wording.size(value))
    if isinstance(value, int):
        return Cell(wording.number(value))
    text = str(value)
    return Cell(wording.moment(text) if name.endswith("_at") else text, code=name in {"database", "digest", "sha256"})


def record_section(reading: Reading, problems: Sequence[str] | None) -> Section:
    """Every event, and whether the chain holds.

    Args:
        reading: the events.
        problems: what is wrong with the chain in words; None when nobody looked.
    """
    rows = tuple(
        cells(str(e.number), wording.clock(e.at), e.kind.replace("_", " "), _one_line(e)) for e in reading.events
    )
    blocks: list[Block] = []
    if problems:
        blocks.append(Lines(tuple(problems), noun="problem", tone=Tone.BAD))
    if reading.unread:
        words = wording.listing(reading.unread)
        blocks.append(Lines((f"written by another version of Gate, so not shown above: {words}",), tone=Tone.WARN))
    blocks.append(Table(("No.", "When", "Event", ""), rows, noun="event", right=frozenset({0})))
    tone = Tone.PLAIN if problems is None else Tone.BAD if problems else Tone.GOOD
    return Section("record", "The record", chain_sentence(reading, problems), tone, tuple(blocks))


def _one_line(event: Event) -> str:
    return wording.cut(" ".join(str(event.body.get("sentence") or "").split()), SAID)


def chain_sentence(reading: Reading, problems: Sequence[str] | None) -> str:
    """What is known about the chain in one sentence."""
    events = wording.count(len(reading.events), "event")
    if problems is None:
        command = f"gate report {reading.release} --verify"
        return f"{events}, each carrying the SHA-256 of the one before; `{command}` checks them."
    if problems:
        return f"The chain does not hold: {wording.count(len(problems), 'problem')} in {events}."
    return f"{events}, each carrying the SHA-256 of the one before: the chain was checked and holds."
