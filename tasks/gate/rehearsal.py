"""What the migrations did on the restored copy: figures for the approver, limits for the apply."""

from tasks.gate.model import Model


class Lock(Model):
    """A relation lock that a statement took and holds to the end of its transaction."""

    relation: str
    mode: str  # AccessExclusiveLock, ... as pg_locks names it
    held_seconds: float  # from the end of the statement that took it to the end of the transaction


class RowChanges(Model):
    """Rows that a statement changed in one table, cascades and triggers included."""

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    truncated: bool = False


class RehearsedStatement(Model):
    """One statement and what it cost."""

    tag: str
    index: int  # within the migration, from 0, empty pieces counted
    sql: str  # at most 2,000 characters
    seconds: float
    locks: tuple[Lock, ...] = ()
    rewrites: tuple[str, ...] = ()  # relations rewritten, with the reason
    index_builds: tuple[str, ...] = ()
    rows: tuple[RowChanges, ...] = ()
    wal_bytes: int = 0
    size_delta: int = 0  # bytes of the database after minus before


class RollbackRehearsal(Model):
    """The way back, tried."""

    available: bool  # rollback SQL exists for every pending migration
    ran: bool = False
    schema_equal: bool = False
    data_equal: bool = False
    ledger_equal: bool = False
    again: bool = False  # the plan ran once more after the rollback, to the same schema
    seconds: float = 0.0
    differences: tuple[str, ...] = ()
    sentence: str = ""

    @property
    def holds(self) -> bool:
        """True when the rollback SQL may be trusted as a rung of recovery."""
        return self.ran and self.schema_equal and self.data_equal and self.ledger_equal and self.again


class Rehearsal(Model):
    """The whole rehearsal."""

    statements: tuple[RehearsedStatement, ...]
    seconds: float  # first BEGIN to COMMIT
    schema_sha256: str  # of the schema text after the plan; what production must look like afterwards
    schema_text: str  # pg_dump -s --restrict-key=gate, normalised
    rollback: RollbackRehearsal
    losses: tuple[str, ...] = ()  # columns and rows that are gone afterwards, in words
    surprises: tuple[str, ...] = ()  # tables that changed though no statement names them
    same_server_build: bool = True
