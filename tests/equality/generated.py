"""Random histories that PostgreSQL accepts: schemas that grow, shrink and move rows, in every layout Drizzle had."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from tests.equality.sample import BREAK, FIRST_WHEN, Sample, Step

COUNT = 52  # in each generation
TYPES = (
    "integer", "bigint", "text", "varchar(80)", "boolean", "numeric(10, 2)", "timestamp with time zone", "jsonb",
    "uuid", "date", "text[]", "double precision", "bytea", "interval",
)  # fmt: skip
WORDS = ("user", "order", "item", "note", "Größe", "tag", "event", "Mixed Case", "line", "price", "team", "log")
DEFAULTS = {
    "integer": "0", "bigint": "42", "text": "''", "varchar(80)": "'it''s 100%'", "boolean": "false",
    "numeric(10, 2)": "1.50", "timestamp with time zone": "now()", "jsonb": "'{\"a\": [1, \"$1\"]}'::jsonb",
    "uuid": "gen_random_uuid()", "date": "'2020-02-29'", "text[]": "'{}'::text[]", "double precision": "1e10",
    "bytea": "'\\x00ff'", "interval": "'1 day'",
}  # fmt: skip


class _Schema:
    """What exists so far, so that every next statement is one that PostgreSQL accepts."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.tables: dict[str, dict[str, str]] = {}
        self.enums: dict[str, int] = {}
        self.indexes: list[str] = []
        self.number = 0

    def name(self, kind: str) -> str:
        """A name that no other thing has."""
        self.number += 1
        return f"{self.chance.choice(WORDS)}_{kind}{self.number}"

    def table(self) -> str:
        """One of the tables."""
        return self.chance.choice(list(self.tables))

    def create_table(self) -> str:
        """A table as drizzle-kit writes one."""
        name = self.name("t")
        columns = {self.name("c"): self.chance.choice(TYPES) for _ in range(self.chance.randint(1, 5))}
        key = self.chance.choice(
            ("serial PRIMARY KEY NOT NULL", "uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL",
             "integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY")
        )  # fmt: skip
        lines = [f'\t"id" {key}'] + [f'\t"{column}" {self._column(kind)}' for column, kind in columns.items()]
        self.tables[name] = {**columns}
        return f'CREATE TABLE "{name}" (\n' + ",\n".join(lines) + "\n);\n"

    def _column(self, kind: str) -> str:
        default = f" DEFAULT {DEFAULTS[kind]}" if self.chance.random() < 0.7 else ""
        return kind + default + (" NOT NULL" if default and self.chance.random() < 0.5 else "")

    def add_column(self) -> str:
        """With or without a default."""
        table, column, kind = self.table(), self.name("c"), self.chance.choice(TYPES)
        self.tables[table][column] = kind
        return f'ALTER TABLE "{table}" ADD COLUMN "{column}" {self._column(kind)};'

    def drop_column(self) -> str:
        """One that nothing else needs, or a comment."""
        table = self.table()
        if not self.tables[table]:
            return "-- nothing to drop"
        column, _ = self.tables[table].popitem()
        return f'ALTER TABLE "{table}" DROP COLUMN "{column}" CASCADE;'

    def rename_column(self) -> str:
        """A column under another name."""
        table = self.table()
        if not self.tables[table]:
            return ";"
        column, kind = self.tables[table].popitem()
        other = self.name("c")
        self.tables[table][other] = kind
        return f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "{other}";'

    def widen(self) -> str:
        """A change of type that keeps the rows."""
        table = self.table()
        found = [column for column, kind in self.tables[table].items() if kind == "integer"]
        if not found:
            return f"COMMENT ON TABLE \"{table}\" IS 'nothing to widen; $1 %s :x';"
        self.tables[table][found[0]] = "bigint"
        return f'ALTER TABLE "{table}" ALTER COLUMN "{found[0]}" SET DATA TYPE bigint;'

    def index(self) -> str:
        """Plain, descending or partial."""
        table, name = self.table(), self.name("i")
        self.indexes.append(name)
        how = self.chance.choice(('("id")', '("id" DESC NULLS LAST)', '("id") WHERE "id" IS NOT NULL', "((id::text))"))
        return f'CREATE INDEX "{name}" ON "{table}" USING btree {how};'

    def drop_index(self) -> str:
        """If there is one."""
        return f'DROP INDEX IF EXISTS "{self.indexes.pop()}";' if self.indexes else ""

    def enum(self) -> str:
        """A new type, or one more value that nobody uses yet."""
        if self.enums and self.chance.random() < 0.5:
            name = self.chance.choice(list(self.enums))
            self.enums[name] += 1
            return f'ALTER TYPE "public"."{name}" ADD VALUE \'v{self.enums[name]}\';'
        name = self.name("e")
        self.enums[name] = 1
        return f"CREATE TYPE \"public\".\"{name}\" AS ENUM('v0', 'v1');"

    def rows(self) -> str:
        """Rows that come, change or go."""
        table = self.table()
        text = [c for c, kind in self.tables[table].items() if kind == "text"]
        if text and self.chance.random() < 0.6:
            return f'UPDATE "{table}" SET "{text[0]}" = coalesce("{text[0]}", \'\') || \' -- $1 %s\';'
        if self.chance.random() < 0.2:
            return f'DELETE FROM "{table}";'
        return f'INSERT INTO "{table}" SELECT FROM generate_series(1, {self.chance.randint(1, 30)});'

    def foreign_key(self) -> str:
        """A new column that points at the table's own key, or at another one's, where the types agree."""
        table, name = self.table(), self.name("fk")
        return f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" CHECK ("id" IS NOT NULL) NOT VALID;'

    def procedure(self) -> str:
        """A body that looks like everything the migrator must not understand."""
        name = self.name("f")
        return (
            f'CREATE FUNCTION "{name}"() RETURNS trigger LANGUAGE plpgsql AS $f$\nBEGIN\n  -- COMMIT; BEGIN; %s $1\n'
            "  RETURN NEW;\nEND\n$f$;"
        )

    def view(self) -> str:
        """A view over a key, which survives every change above."""
        return f'CREATE VIEW "{self.name("v")}" AS SELECT "id" FROM "{self.table()}";'

    def block(self) -> str:
        """A DO block that inserts."""
        table = self.table()
        return f'DO $$ BEGIN FOR n IN 1..3 LOOP INSERT INTO "{table}" DEFAULT VALUES; END LOOP; END $$;'


OPERATIONS: tuple[Callable[[_Schema], str], ...] = (
    _Schema.create_table, _Schema.add_column, _Schema.add_column, _Schema.drop_column, _Schema.rename_column,
    _Schema.widen, _Schema.index, _Schema.drop_index, _Schema.enum, _Schema.rows, _Schema.rows, _Schema.foreign_key,
    _Schema.procedure, _Schema.view, _Schema.block,
)  # fmt: skip


def _texts(chance: random.Random) -> list[bytes]:
    """The files of one history."""
    schema = _Schema(chance)
    texts = []
    for number in range(chance.randint(2, 9)):
        pieces = [schema.create_table()] if number == 0 or chance.random() < 0.3 else []
        pieces += [chance.choice(OPERATIONS)(schema) for _ in range(chance.randint(0, 5))]
        mark = chance.choice((BREAK, BREAK, BREAK, "\n", "--> statement-breakpoint", "\n-->statement-breakpoint\n"))
        text = mark.join(pieces)
        if mark == "\n":
            text = "\n".join(
                piece.rstrip() if piece.rstrip().endswith((";", "drop", "")) else piece for piece in pieces
            )
        if chance.random() < 0.15:
            text = text.replace("\n", "\r\n")
        texts.append(text.encode())
    return texts


def journal(seed: int) -> Sample:
    """A history of generation 0; every prefix kind, versions mixed, gaps, orphans, other casts of `when`."""
    chance = random.Random(seed)
    texts = _texts(chance)
    prefix = ("index", "timestamp", "unix", "none", "folder")[seed % 5]
    when = FIRST_WHEN
    steps, idx = [], 0
    for number, text in enumerate(texts):
        when += chance.choice((1, 999, 1000, 86_400_000))
        idx += 1 if chance.random() < 0.9 else chance.randint(2, 83)
        stamp: object = chance.choice((when, when, when, str(when), float(when)))
        entry = {
            "idx": idx,
            "version": chance.choice(("5", "6", "7")),
            "breakpoints": chance.random() < 0.8,
        }
        steps.append(Step(_tag(prefix, number, when), text, stamp, entry))
    extra = {"9999_orphan.sql": "this is not SQL"} if chance.random() < 0.3 else {}
    return Sample(f"random-journal-{seed}", 0, tuple(steps), extra=extra, halves=True, kit=seed % 13 == 0)


def _tag(prefix: str, number: int, when: int) -> str:
    moment = datetime.fromtimestamp(when / 1000, UTC).strftime("%Y%m%d%H%M%S")
    return {
        "index": f"{number:04}_brave_{number}",
        "timestamp": f"{moment}_{number:03}_calm_hawk",
        "unix": f"{when // 1000}_{number:03}_odd_name",
        "none": f"_{number}-no prefix",
        "folder": f"part{number % 2}/{number:04}_sub",
    }[prefix]


def folders(seed: int) -> Sample:
    """A history of generation 1; seconds that are equal or overflow, missing and broken snapshots, strange company."""
    chance = random.Random(10_000 + seed)
    when = FIRST_WHEN
    steps = []
    extra = {"README.md": "notes", "20200101000000_no_sql/snapshot.json": "{}"} if seed % 3 == 0 else {}
    for number, text in enumerate(_texts(chance)):
        when += chance.choice((0, 1000, 61_000, 86_400_000))
        stamp = datetime.fromtimestamp(when / 1000, UTC).strftime("%Y%m%d%H%M%S")
        if seed % 7 == 0:
            stamp = stamp[:8] + f"{number:02}{60 + number:02}00"  # minutes that Date.UTC lets overflow
        tag = f"{stamp}_{chr(ord('a') + number)}{chance.choice(('', '-x', '_Y', '.z', ' w'))}"
        steps.append(Step(tag, text))
        if chance.random() < 0.5:
            extra[f"{tag}/snapshot.json"] = chance.choice(('{"version": "9"}', "broken {"))
    return Sample(f"random-folders-{seed}", 1, tuple(steps), extra=extra, halves=True, kit=False)


GENERATED = (*map(journal, range(COUNT)), *map(folders, range(COUNT)))
