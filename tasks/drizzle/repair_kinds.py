"""The kinds of repair, one function each: given what is wrong, the script that mends it and the rows that it leaves."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tasks.drizzle.row_changes import add_columns, insert, update
from tasks.drizzle.rows import forget
from tasks.drizzle.seen import Seen
from tasks.drizzle.upgrade import upgrade_matches
from tasks.gate.plan import LedgerRow, Migration, script
from tasks.gate.repair import Offer
from tasks.gate.wording import count

WHERE = "gate repair"  # the file of a script that is made here
NOTHING: frozenset[str] = frozenset()


def runs(seen: Seen, tags: Sequence[str]) -> Iterator[Offer]:
    """A migration that Drizzle skipped: its SQL now, and its own row under its own time (facts: Drizzle 8, case 33)."""
    for tag in tags:
        migration = seen.migrations[tag]
        row = seen.row_for(migration)
        statements = (*migration.statements, insert(seen.place, row, has_name=seen.has_name))
        yield Offer(
            "run",
            tag,
            f"run {tag}, which Drizzle skipped, and write its own row",
            script(tag, migration.file, statements),
            seen.with_row(row),
            seen.has_name,
            frozenset({tag}),
            runs=migration,
        )


def marks(seen: Seen, tags: Sequence[str]) -> Iterator[Offer]:
    """A migration whose effect is there already: its row as Drizzle writes it, or the hash of the file as it is now."""
    for tag in tags:
        migration = seen.migrations[tag]
        own = [r for r in seen.strays if _is_row_of(seen, r, migration)]
        if own:
            rows = seen.replaced({own[0].id: own[0].model_copy(update={"hash": migration.hash})})
            text = update(seen.place, own[0], {"hash": migration.hash})
        else:
            rows = seen.with_row(seen.row_for(migration))
            text = insert(seen.place, seen.row_for(migration), has_name=seen.has_name)
        title = f"mark {tag} as applied, as its file is now"
        yield Offer("mark", tag, title, script(tag, WHERE, (text,)), rows, seen.has_name, frozenset({tag}))


def _is_row_of(seen: Seen, row: LedgerRow, migration: Migration) -> bool:
    if seen.folder.generation == 1:
        return row.name == migration.name
    return row.created_at is not None and row.created_at == migration.created_at


def restamps(seen: Seen, tags: Sequence[str]) -> Iterator[Offer]:
    """A row under another time than the journal's, or under none: the journal's time."""
    pairs = [(seen.migrations[tag], row) for tag in tags if tag in seen.migrations for row in _moved(seen, tag)]
    for migration, row in pairs:
        yield _restamp(seen, [(migration, row)], migration.tag)
    if len(pairs) > 1:
        yield _restamp(seen, pairs, "")


def _moved(seen: Seen, tag: str) -> list[LedgerRow]:
    """The one row with its hash that belongs to no entry as it is; none when there are several."""
    found = [row for row in seen.strays if row.hash == seen.migrations[tag].hash]
    return found if len(found) == 1 else []


def _restamp(seen: Seen, pairs: Sequence[tuple[Migration, LedgerRow]], tag: str) -> Offer:
    changes = {row.id: row.model_copy(update={"created_at": m.created_at}) for m, row in pairs}
    texts = [update(seen.place, row, {"created_at": migration.created_at}) for migration, row in pairs]
    what = tag or f"{len(pairs)} migrations"
    title = f"give the row of {what} the time that the journal has"
    mended = frozenset(migration.tag for migration, _ in pairs)
    return Offer(
        "restamp", tag, title, script(tag or "ledger", WHERE, texts), seen.replaced(changes), seen.has_name, mended
    )


def renames(seen: Seen, tags: Sequence[str]) -> Iterator[Offer]:
    """A folder that was renamed after it ran: its row under the new name, as Drizzle writes it for that folder."""
    for tag in tags:
        migration = seen.migrations[tag]
        own = [row for row in seen.strays if row.hash == migration.hash and row.name is not None]
        if len(own) != 1:
            continue
        row = seen.row_for(migration)
        text = update(seen.place, own[0], {"name": row.name, "created_at": row.created_at})
        rows = seen.replaced({own[0].id: row.model_copy(update={"id": own[0].id})})
        title = f"give the row of {own[0].name} the name {tag}"
        yield Offer("rename", tag, title, script(tag, WHERE, (text,)), rows, seen.has_name, frozenset({tag}))


def names(seen: Seen) -> Iterator[Offer]:
    """A row that Drizzle 0.x wrote into a table of 1.0: the name of the one folder that has its content."""
    if not seen.has_name or seen.folder.generation == 0:
        return
    taken = {row.name for row in seen.ledger.rows}
    texts = Counter(m.hash for m in seen.folder.migrations)
    for row in seen.strays:
        found = [m for m in seen.folder.migrations if m.hash == row.hash and m.name not in taken]
        if row.name is not None or len(found) != 1 or texts[row.hash] > 1:
            continue
        migration = found[0]
        rows = seen.replaced({row.id: row.model_copy(update={"name": migration.name})})
        text = update(seen.place, row, {"name": migration.name})
        title = f"give row {row.id} the name {migration.name}"
        made = script(migration.tag, WHERE, (text,))
        yield Offer("name", migration.tag, title, made, rows, seen.has_name, frozenset({migration.tag}))


def baseline(seen: Seen, last: str) -> Iterator[Offer]:
    """A database that has the schema and no history: the rows of the folder up to `last`, or of all of it."""
    tags = list(seen.migrations)
    if not tags or (last and last not in tags):
        return
    first = seen.folder.migrations[: tags.index(last) + 1 if last else None]
    rows = tuple(seen.row_for(m) for m in first)
    texts = [insert(seen.place, row, has_name=seen.has_name) for row in rows]
    title = f"take over an existing database: mark {count(len(first), 'migration')} as applied, up to {first[-1].tag}"
    yield Offer(
        "baseline",
        last,
        title,
        script("ledger", WHERE, texts),
        rows,
        seen.has_name,
        frozenset(m.tag for m in first),
    )


def upgrade(seen: Seen) -> Iterator[Offer]:
    """The table of 0.x in the shape of 1.0, by the statements that Drizzle's own upgrade sends (facts: Drizzle 4.2)."""
    matches = upgrade_matches(seen.folder, seen.ledger)
    if not matches or any(migration is None or row.id is None for row, migration in matches):
        return
    named = {row.id: row.model_copy(update={"name": m.name}) for row, m in matches if m is not None}
    texts = [
        *add_columns(seen.place),
        *(update(seen.place, row, {"name": m.name, "applied_at": None}) for row, m in matches if m is not None),
    ]
    title = f"upgrade {seen.place.schema}.{seen.place.table} to Drizzle 1.0"
    yield Offer(
        "upgrade", "", title, script("ledger", WHERE, texts), seen.replaced(named), has_name=True, mends=NOTHING
    )


def forgets(seen: Seen) -> Iterator[Offer]:
    """A row that belongs to no migration, or that is one too many; never the only row of a migration that ran."""
    first: set[object] = set()
    for row in seen.ledger.rows:
        same = (row.hash, row.created_at, row.name)
        if row.id is not None and same in first:
            yield _forget(seen, row, "is one too many")
        elif row.id is not None and seen.is_stranger(row):
            yield _forget(seen, row, "belongs to no migration here")
        first.add(same)


def forgets_before_upgrade(seen: Seen) -> Iterator[Offer]:
    """A row that blocks the upgrade: it would get no name, or one that another row has."""
    named: set[str] = set()
    for row, migration in upgrade_matches(seen.folder, seen.ledger):
        if row.id is not None and migration is None:
            yield _forget(seen, row, "belongs to no migration here")
        elif row.id is not None and migration is not None and migration.tag in named:
            yield _forget(seen, row, "is one too many")
        named.add(migration.tag if migration else "")


def _forget(seen: Seen, row: LedgerRow, what: str) -> Offer:
    rows = tuple(other for other in seen.ledger.rows if other is not row)
    title = f"remove row {row.id} ({row.name or row.hash[:12]}), which {what}"
    text = forget(seen.place.schema, seen.place.table, row)
    return Offer("forget", str(row.id), title, script(f"row {row.id}", WHERE, (text,)), rows, seen.has_name, NOTHING)
