"""Makes the plan of `gate rollback`: the rollback SQL of applied migrations, newest first, and their rows removed."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tasks.clients.domains import domains
from tasks.clients.session_settings import session_settings
from tasks.gate.errors import ConfigurationError
from tasks.gate.model import digest_of
from tasks.gate.plan import Migration, Plan, PlannedMigration, Problem, Purpose, Rollback, script
from tasks.gate.take_back import Choice, Taken, back_to, judged, of_release, pieces, rows_after, staying
from tasks.gate.wording import listing
from tasks.make_plan import rollback_folder
from tasks.occasion import Occasion
from tasks.read_scripts import read_migrations, read_rollbacks
from tasks.record import Record
from tasks.rollbacks import FoundRollbacks
from tasks.survey import Survey, survey

RELEASE_ID = re.compile(r"\d{8}-\d{6}-.+-[0-9a-f]{6}")


class _Way(NamedTuple):
    """What is taken back, with the SQL that was found for it, both newest first."""

    choice: Choice
    own: tuple[Rollback, ...]
    found: FoundRollbacks

    @property
    def tags(self) -> set[str]:
        return {t.migration.tag for t in self.choice.taken}

    @property
    def texts(self) -> dict[str, Rollback]:
        return {r.tag: r for r in self.own}


def plan_rollback(occasion: Occasion) -> Plan:
    """What `gate rollback SUBJECT` would run; the subject is a migration's tag or a release's id.

    Raises:
        ConfigurationError: the subject is neither, or is not applied.
    """
    seen = survey(occasion.settings, occasion.connection)
    way = _way(occasion, seen)
    taken = way.choice.taken
    after = seen.ledger.model_copy(update={"rows": rows_after(seen.ledger, taken)})
    refused, notes = judged(taken, *seen.now_with(after), seen.tool.name)
    read = read_migrations(_only_sql(way.own), occasion.identity.major, domains(occasion.connection))
    return Plan(
        target=occasion.settings.target,
        identity=occasion.identity,
        tool=seen.tool.name,
        generation=seen.folder.generation,
        ledger_schema=seen.ledger.schema_name,
        ledger_table=seen.ledger.table,
        ledger_head=seen.ledger.head,
        migrations=tuple(_line(line, way.texts) for line in seen.lines),
        pending=tuple(_script(seen, t, way.texts[t.migration.tag]) for t in taken if t.migration.tag in way.texts),
        problems=(*seen.ledger_problems, *refused, *_problems(way, occasion.identity.major)),
        hazards=(*_pending_again(taken), *_staying(seen, taken), *read.hazards, *notes, *_notes(way)),
        effects=read.effects,
        policy_digest=digest_of(occasion.policy),
        tools=occasion.tools,
        session_settings=session_settings(occasion.connection),
        purpose=Purpose.ROLLBACK,
        subject=occasion.subject,
        title=f"take back {listing([t.migration.tag for t in taken])}",
        ledger_after=tuple(row.model_copy(update={"id": None}) for row in after.rows),
    )


def _way(occasion: Occasion, seen: Survey) -> _Way:
    choice = _choose(occasion, seen)
    found = seen.tool.rollbacks(seen.folder, rollback_folder(occasion.settings), seen.folder.migrations)
    texts = {r.tag: r for r in found.rollbacks}
    return _Way(choice, tuple(texts[t.migration.tag] for t in choice.taken if t.migration.tag in texts), found)


def _problems(way: _Way, major: int) -> list[Problem]:
    told = {p.tag for p in way.found.problems}
    without = [t.migration for t in way.choice.taken if t.migration.tag not in way.texts]
    return [
        *way.choice.problems,
        *(_missing(migration, way.found.drafts) for migration in without if migration.tag not in told),
        *(p for p in way.found.problems if p.tag in way.tags),
        *read_rollbacks(way.own, major),
    ]


def _notes(way: _Way) -> list[str]:
    """By which rule a file was found; what is said of other migrations' files is left out."""
    return [note for note in way.found.notes if any(r.file in note for r in way.own)]


def _choose(occasion: Occasion, seen: Survey) -> Choice:
    subject, target = occasion.subject, occasion.settings.target
    if not RELEASE_ID.fullmatch(subject) or not Record.exists(occasion.store, target, subject):
        return back_to(seen.folder, seen.ledger, seen.tool.rows, subject)
    tags = _applied_by(Record.open(occasion.store, target, subject))
    return of_release(seen.folder, seen.ledger, seen.tool.rows, subject, tags)


def _applied_by(record: Record) -> list[str]:
    """The migrations that a release brought to production.

    Raises:
        ConfigurationError: it brought none.
    """
    planned, applied = record.last("planned"), record.last("applied")
    plan = Plan.model_validate(planned.body["plan"]) if planned else None
    if plan is None or applied is None or plan.purpose is not Purpose.RELEASE:
        raise ConfigurationError(
            f"{record.release} applied no migrations, so there is nothing of it to take back",
            hint=f"`gate report {record.release}` says what it did",
        )
    return [m.tag for m in plan.pending]


def _script(seen: Survey, taken: Taken, rollback: Rollback) -> Migration:
    place = seen.ledger.schema_name, seen.ledger.table
    statements = (*pieces(rollback.text, rollback.file), seen.tool.forget(*place, taken.row))
    return script(taken.migration.tag, rollback.file, statements)


def _only_sql(own: tuple[Rollback, ...]) -> tuple[Migration, ...]:
    """The rollback files without the gate's own part, for whoever looks for hazards."""
    return tuple(script(r.tag, r.file, pieces(r.text, r.file)) for r in own)


def _line(line: PlannedMigration, texts: dict[str, Rollback]) -> PlannedMigration:
    if line.tag not in texts:
        return line
    return line.model_copy(update={"sentence": f"taken back by {texts[line.tag].file}"})


def _missing(migration: Migration, drafts: Mapping[str, str]) -> Problem:
    if migration.tag in drafts:
        return Problem(
            tag=migration.tag,
            kind="rollback-draft",
            cause=f"{drafts[migration.tag]} is still a draft: nobody has said that it is right",
            remedy="read it, correct it, and take its first line away",
        )
    return Problem(
        tag=migration.tag,
        kind="rollback",
        cause=f"{migration.tag} has no rollback SQL",
        remedy=f"write it; `gate rollback --draft {migration.tag}` makes a draft of it",
    )


def _pending_again(taken: tuple[Taken, ...]) -> list[str]:
    tags = [t.migration.tag for t in taken]
    be = "is" if len(tags) == 1 else "are"
    return [f"{listing(tags)} {be} pending again after this: the next release applies what the folder then holds"]


def _staying(seen: Survey, taken: tuple[Taken, ...]) -> list[str]:
    tags = staying(seen.folder, seen.ledger, seen.tool.rows, taken)
    return [f"{listing(tags)} came later and stays applied: it may need what is taken back"] if tags else []
