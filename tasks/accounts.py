"""Which rows written since the backup are only in the failed database: counted by table, and saved as CSV."""

from collections.abc import Iterator
from urllib.parse import quote

import psycopg
from pydantic import SecretStr

from tasks.clients import canonical, postgres
from tasks.clients.object_store import AlreadyThere
from tasks.clients.postgres import Connection
from tasks.clients.statement_rows import StatementRows
from tasks.clients.table_rows import Table, as_csv
from tasks.compare_databases import Comparison, compare
from tasks.gate.accounts import Accounts, TableAccount, account_sentence
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan, Purpose
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.wording import size
from tasks.kill_points import reached
from tasks.release import Release
from tasks.swap import Swapping
from tasks.tool import tool
from tasks.workshop import production_url

HOURS_MS = 21_600_000  # reading every row of a large database, in ms
SALVAGE_BYTES = 100_000_000  # of CSV in all; more stays in the failed database alone
WHOLE = 1 << 32  # rows carry the low half of a transaction id


class TooMuch(GateError):
    """More rows than are worth a copy."""


def snapshot(url: SecretStr, database: str) -> Connection:
    """A session that sees one moment of a database and writes every value in one way, for hours if need be.

    Raises:
        ConfigurationError: it cannot be opened.
    """
    connection = postgres.connect(
        url,
        purpose="accounts",
        database=database,
        read_only=True,
        statement_timeout_ms=HOURS_MS,
        idle_timeout_ms=HOURS_MS,
    )
    connection.execute(canonical.CONSISTENT)
    connection.execute(canonical.SETTINGS)
    return connection


def take_accounts(
    release: Release,
    swapping: Swapping,
    plan: Plan | None,
    rehearsal: Rehearsal | None,
    *,
    restored: Connection | None = None,
) -> Accounts:
    """Compare the failed database with the restored one as it was opened, count, and save what people wrote.

    Safe to run twice: it reads two databases, and what is saved already stays. Taken later, it still tells rows that
    were written after the swap from restored ones, by their transaction ids.

    Args:
        release: its id is in the keys of what is saved.
        swapping: from the record: which database is which.
        plan: what had been applied; None when nothing was.
        rehearsal: says which tables the migration rewrote.
        restored: a snapshot of the restored database from the moment it was opened; taken now when None.

    Raises:
        GateError: a database cannot be read.
    """
    url = production_url(release.settings)
    restored = restored or snapshot(url, swapping.name)
    try:
        with restored, snapshot(url, swapping.failed_name) as failed:
            comparison = Comparison(
                failed=failed,
                restored=restored,
                boundary=int(swapping.transaction) % WHOLE,
                migration=_migration(failed, plan, release.id),
                rewritten=_rewritten(rehearsal),
                ledger=(plan.ledger_schema, plan.ledger_table) if plan else None,
            )
            tables = compare(comparison)
            tables, salvaged = _salvage(release, comparison, tables)
    except psycopg.Error as error:
        said = error.diag.message_primary or "the connection was lost"
        raise GateError(f"the rows written since the backup could not be counted: {said}") from None
    return Accounts(
        failed_database=swapping.failed_name,
        tables=tuple(tables),
        compared=comparison.compared,
        salvaged=salvaged,
        notes=tuple(comparison.notes),
        sentence=account_sentence(swapping.failed_name, tables),
    )


def _migration(failed: Connection, plan: Plan | None, release: str) -> frozenset[int]:
    """The plan's transactions: as its last ledger row carries it, or as its own rows do where there were several."""
    if plan is None or not plan.pending or plan.purpose is not Purpose.RELEASE:
        return frozenset()
    if plan.segments:
        return StatementRows(release).transactions(failed)
    query = tool(plan.tool).transaction_of(plan.ledger_schema, plan.ledger_table, plan.pending[-1])
    row = failed.execute(query).fetchone()
    return frozenset((int(row[0]),)) if row else frozenset()


def _rewritten(rehearsal: Rehearsal | None) -> frozenset[str]:
    words = [text for s in rehearsal.statements for text in s.rewrites] if rehearsal else []
    return frozenset(text.partition(" (")[0].partition(": ")[0].strip() for text in words)


def _salvage(release: Release, comparison: Comparison, tables: list[TableAccount]) -> tuple[list[TableAccount], bool]:
    """Copy what people wrote to the store, one CSV a table, as long as it is not too much."""
    left = SALVAGE_BYTES
    kept: list[TableAccount] = []
    whole = True
    for account in tables:
        table, ctids = comparison.keep.get(account.table, (None, []))
        if table is None:
            kept.append(account)
            continue
        key = f"{release.target}/salvage/{release.id}/{quote(account.table, safe='.')}.csv"
        try:
            left -= _save(release, key, comparison.failed, table, ctids, left)
        except TooMuch as much:
            comparison.notes.append(f"{account.table}: {much.message}")
            whole = False
            kept.append(account)
        else:
            complete = len(ctids) >= account.written
            whole = whole and complete
            kept.append(account.model_copy(update={"salvage": key}))
        reached("accounts:saved")
    return kept, whole and bool(comparison.keep)


def _save(release: Release, key: str, failed: Connection, table: Table, ctids: list[str], left: int) -> int:
    try:
        return release.store.upload(key, _bounded(as_csv(failed, table, ctids), left))
    except AlreadyThere:
        return release.store.size(key) or 0


def _bounded(pieces: Iterator[bytes], left: int) -> Iterator[bytes]:
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise TooMuch(f"its rows are not copied to the store, which would be more than {size(SALVAGE_BYTES)}")
        yield piece
