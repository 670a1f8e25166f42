"""A folder and a ledger side by side, with the row of each migration as far as its content tells it."""

from dataclasses import dataclass
from functools import cached_property

from tasks.drizzle.row_changes import Place
from tasks.drizzle.rows import key, written
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration


@dataclass(frozen=True)
class Seen:
    """What repairs are made from."""

    folder: Folder
    ledger: Ledger

    @cached_property
    def place(self) -> Place:
        """Where the ledger is."""
        return Place(self.ledger.schema_name, self.ledger.table)

    @cached_property
    def migrations(self) -> dict[str, Migration]:
        """By tag."""
        return {m.tag: m for m in self.folder.migrations}

    @cached_property
    def strays(self) -> tuple[LedgerRow, ...]:
        """Rows with an id that are not exactly what Drizzle would write for a file of this folder."""
        exact = {key(written(m, self.folder.generation), self.folder.generation) for m in self.folder.migrations}
        return tuple(r for r in self.ledger.rows if r.id is not None and key(r, self.folder.generation) not in exact)

    @cached_property
    def _known(self) -> tuple[set[str], set[int | None], set[str | None]]:
        found = self.folder.migrations
        return {m.hash for m in found}, {m.created_at for m in found}, {m.name for m in found}

    def is_stranger(self, row: LedgerRow) -> bool:
        """True when neither the row's content nor its time or name is of a migration here."""
        hashes, times, names = self._known
        if row.hash in hashes:
            return False
        return row.name not in names or row.name is None if self.folder.generation == 1 else row.created_at not in times

    @property
    def has_name(self) -> bool:
        """The table is of generation 1; so will one be that is yet to be made for such a folder."""
        return self.ledger.has_name if self.ledger.exists else self.folder.generation == 1

    def row_for(self, migration: Migration) -> LedgerRow:
        """The row as Drizzle writes it."""
        return written(migration, self.folder.generation)

    def with_row(self, row: LedgerRow) -> tuple[LedgerRow, ...]:
        """The rows, and one more."""
        return (*self.ledger.rows, row)

    def replaced(self, changes: dict[int | None, LedgerRow]) -> tuple[LedgerRow, ...]:
        """The rows, some of them with other values, by id."""
        return tuple(changes.get(row.id, row) if row.id is not None else row for row in self.ledger.rows)
