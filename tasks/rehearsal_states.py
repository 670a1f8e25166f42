"""What a scratch database holds at one moment of the rehearsal, so that two moments can be compared."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.fingerprints import take
from tasks.clients.programs import Programs
from tasks.clients.schema_text import schema_text
from tasks.clients.shapes import read_contents, read_shapes
from tasks.gate.fingerprint import Fingerprint
from tasks.gate.losses import Shape, large_object_losses, pairs, sequence_losses, table_losses
from tasks.gate.plan import Ledger, Plan
from tasks.tool import tool

PATIENCE_MS = 21_600_000  # a statement on the scratch server may take six hours, in ms
LEDGER_NAMES = """
select quote_ident(%(schema)s),
       format('%%I.%%I', %(schema)s::text, %(table)s::text),
       (select pg_get_serial_sequence(attrelid::regclass::text, attname) from pg_attribute
         where attrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text)) and attname = 'id')
"""


@dataclass(frozen=True)
class Seen:
    """One database at one moment; the ledger is apart, because rehearsing writes it."""

    url: SecretStr
    shapes: dict[int, Shape]
    fingerprint: Fingerprint
    ledger: Ledger
    ledger_schema: str  # its schema as PostgreSQL quotes it
    schema: str  # the text, without the ledger


def look(url: SecretStr, plan: Plan, programs: Programs) -> Seen:
    """Everything about a database that a comparison needs; reads every row once, while pg_dump writes the schema."""
    with (
        ThreadPoolExecutor(max_workers=1) as pool,
        postgres.connect(url, purpose="look", read_only=True, statement_timeout_ms=PATIENCE_MS) as connection,
    ):
        text = pool.submit(schema_text, url, programs, exclude_ledger=(plan.ledger_schema, plan.ledger_table))
        ledger = tool(plan.tool).read_ledger(connection, plan.ledger_schema, plan.ledger_table)
        names = ledger_names(connection, plan)
        return Seen(
            url=url,
            shapes=read_shapes(connection, (plan.ledger_schema, plan.ledger_table)),
            fingerprint=_without_ledger(take(connection), *names),
            ledger=ledger,
            ledger_schema=names[0],
            schema=text.result(),
        )


def losses(before: Seen, after: Seen) -> tuple[str, ...]:
    """What is gone afterwards, in words; only tables whose fingerprint changed are counted column by column."""
    lines: list[str] = []
    with (
        postgres.connect(before.url, purpose="look", read_only=True, statement_timeout_ms=PATIENCE_MS) as then,
        postgres.connect(after.url, purpose="look", read_only=True, statement_timeout_ms=PATIENCE_MS) as now,
    ):
        for old, new in changed_tables(before, after):
            had = read_contents(then, old)
            lines += table_losses(old, had, new, read_contents(now, new) if new else None)
    was, became = before.fingerprint, after.fingerprint
    return (*lines, *sequence_losses(was.sequences, became.sequences), *large_object_losses(was, became))


def changed_tables(before: Seen, after: Seen) -> list[tuple[Shape, Shape | None]]:
    """Tables with rows of their own whose content is another one afterwards, or which are gone."""
    was, now = before.fingerprint.tables, after.fingerprint.tables
    return [
        (old, new)
        for old, new in pairs(before.shapes, after.shapes)
        if old.label in was and (new is None or now.get(new.label) != was[old.label])
    ]


def rows_of(seen: Seen) -> dict[str, int]:
    """Rows of each table by its quoted, qualified name."""
    return {name: table.rows for name, table in seen.fingerprint.tables.items()}


def ledger_names(connection: postgres.Connection, plan: Plan) -> tuple[str, str, str]:
    """Schema, table and sequence of the ledger as PostgreSQL quotes them; the sequence is empty when there is none."""
    row = connection.execute(LEDGER_NAMES, {"schema": plan.ledger_schema, "table": plan.ledger_table}).fetchone()
    assert row is not None, "a row of expressions always comes back"
    return str(row[0]), str(row[1]), str(row[2] or "")


def _without_ledger(fingerprint: Fingerprint, schema: str, table: str, sequence: str) -> Fingerprint:
    gone = {table, sequence, f"relation {table}", f"relation {sequence}", f"schema {schema}"}
    return fingerprint.model_copy(
        update={
            name: {key: value for key, value in getattr(fingerprint, name).items() if key not in gone}
            for name in ("tables", "sequences", "owners", "grants")
        }
    )
