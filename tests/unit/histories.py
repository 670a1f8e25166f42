"""Random projects of Drizzle's, in memory: a folder, and the ledger of a database that has the first of it."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tasks.drizzle.rows import written
from tasks.drizzle.text import MARKER, migration
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration

NOW = 1_760_000_000_000
FIRST = 1_700_000_000_000
TEXTS = (
    'CREATE TABLE "users" ("id" serial PRIMARY KEY NOT NULL);\n',
    'ALTER TABLE "users" ADD COLUMN "name" text;',
    "-- Custom SQL migration file, put your code below! --\n",
    "INSERT INTO users (name) VALUES ('it''s 100%; -- no comment $1');",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;",
    "",
    "UPDATE users SET name = 'größe 🙂';\r\n",
    "DO $$ BEGIN PERFORM 1; END $$;",
)


@dataclass(frozen=True)
class History:
    """A project, and a production that has some of it."""

    generation: int
    migrations: tuple[Migration, ...]
    rows: tuple[LedgerRow, ...]
    has_name: bool

    @property
    def folder(self) -> Folder:
        """As it would have been read."""
        return Folder(tool="drizzle", generation=self.generation, path="drizzle", migrations=self.migrations)

    @property
    def ledger(self) -> Ledger:
        """As it would have been read."""
        return Ledger(
            schema_name="drizzle",
            table="__drizzle_migrations",
            exists=True,
            schema_exists=True,
            has_name=self.has_name,
            rows=self.rows,
        )

    @property
    def applied(self) -> tuple[Migration, ...]:
        """What production has."""
        return self.migrations[: len(self.rows)]

    def change(self, number: int, **values: object) -> "History":
        """Another file in the place of one migration, or another time or name."""
        old = self.migrations[number]
        new = {"text": MARKER.join(old.statements), "tag": old.tag, "created_at": old.created_at, **values}
        made = entry(self.generation, str(new["tag"]), new["created_at"], str(new["text"]))  # type: ignore[arg-type]
        return replace(self, migrations=(*self.migrations[:number], made, *self.migrations[number + 1 :]))

    def row(self, number: int, **values: object) -> "History":
        """Other values in one row."""
        rows = list(self.rows)
        rows[number] = rows[number].model_copy(update=values)
        return replace(self, rows=tuple(rows))

    def with_rows(self, *more: LedgerRow) -> "History":
        """More rows, the newest last."""
        return replace(self, rows=(*self.rows, *more))


def entry(generation: int, tag: str, when: int | None, text: str) -> Migration:
    """One migration of either generation."""
    file, name = (f"{tag}/migration.sql", tag) if generation else (f"{tag}.sql", None)
    return migration(text.encode(), tag=tag, file=file, created_at=when, name=name)


def clean(seed: int, generation: int | None = None) -> History:
    """A history in which nothing is wrong: at least two applied, at least one pending."""
    chance = random.Random(seed)
    generation = chance.choice((0, 1)) if generation is None else generation
    count = chance.randint(3, 9)
    when, found = FIRST, []
    for number in range(count):
        when += chance.choice((1, 999, 60_000, 86_400_000)) if generation == 0 else chance.choice((1000, 86_400_000))
        text = (
            MARKER.join(chance.choice(TEXTS) for _ in range(chance.randint(1, 3))) + f"\n-- {number} {chance.random()}"
        )
        if chance.random() < 0.2:
            text = TEXTS[2]  # several custom files with one text are no mistake
        moment = datetime.fromtimestamp(when // 1000, UTC).strftime("%Y%m%d%H%M%S")
        tag = f"{moment}_step_{number}" if generation else f"{number:04}_step"
        found.append(entry(generation, tag, when // 1000 * 1000 if generation else when, text))
    kept = chance.randint(2, count - 1)
    rows = tuple(
        written(m, generation).model_copy(update={"id": n + chance.randint(0, 1)})
        for n, m in zip(range(1, 2 * kept, 2), found[:kept], strict=True)
    )
    return History(generation, tuple(found), rows, has_name=generation == 1)
