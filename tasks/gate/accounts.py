"""Which rows are only in the failed database, after the backup took its place."""

from collections.abc import Sequence

from tasks.gate.model import Model
from tasks.gate.wording import count, listing


class TableAccount(Model):
    """What one table of the failed database holds that the restored one does not."""

    table: str  # quoted, schema-qualified
    inserted: int = 0
    updated: int = 0
    deleted: int = 0  # gone from the failed database, back again in the restored one
    by_migration: int = 0  # of the inserted and updated ones: last written by the migration itself
    rows_failed: int = 0
    rows_restored: int = 0
    matched_by: str = "primary key"  # "content" where there is none, "name" where only one side has the table
    salvage: str = ""  # key of the CSV in the object store

    @property
    def written(self) -> int:
        """Rows that somebody wrote since the backup, and that are only in the failed database."""
        return self.inserted + self.updated - self.by_migration


class Accounts(Model):
    """Every row written since the backup that is not in the restored database, by table."""

    failed_database: str
    tables: tuple[TableAccount, ...]  # those with a difference, most rows first
    compared: int  # tables looked at
    salvaged: bool = False  # all those rows lie as CSV in the object store
    notes: tuple[str, ...] = ()
    sentence: str

    @property
    def written(self) -> int:
        """Rows written since the backup that are only in the failed database."""
        return sum(table.written for table in self.tables)


def account_sentence(failed: str, tables: Sequence[TableAccount]) -> str:
    """What is missing and where it is, for the person who has to bring it over.

    Args:
        failed: the name under which the failed database is kept.
        tables: the tables with a difference.
    """
    written = [t for t in tables if t.written]
    total = sum(t.written for t in written)
    ordered = sorted(written, key=lambda t: (-t.written, t.table))
    parts = listing([f"{plain(t.table)} {t.written:,}" for t in ordered], limit=8)
    if total:
        verb = "is" if total == 1 else "are"
        said = f"{count(total, 'row')} written since the backup {verb} only in {failed} ({parts})"
    else:
        said = "no row was written since the backup"
    if deleted := [t for t in tables if t.deleted]:
        gone = listing([f"{plain(t.table)} {t.deleted:,}" for t in deleted], limit=8)
        said += f"; {count(sum(t.deleted for t in deleted), 'row')} deleted since the backup came back ({gone})"
    return said


def plain(table: str) -> str:
    """A quoted, qualified name as people say it: without `public.`."""
    return table.removeprefix("public.")
