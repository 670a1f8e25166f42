"""What a backup consists of; written last, so that a half backup is never a backup."""

from tasks.gate.fingerprint import Fingerprint
from tasks.gate.identity import Identity
from tasks.gate.model import Model


class StoredObject(Model):
    """One object of a backup, as it lies in the store."""

    key: str
    bytes: int
    sha256: str  # of the stored bytes, compression included


class Manifest(Model):
    """A backup: where its bytes are and what they must restore to."""

    id: str  # backup-YYYYMMDD-HHMMSS
    target: str
    identity: Identity
    taken_at: str  # UTC, ISO 8601, the moment of the snapshot
    finished_at: str
    snapshot_lsn: str  # pg_current_wal_lsn at the snapshot
    dump: StoredObject
    globals: StoredObject | None  # roles without passwords
    compression: str  # "zstd", "gzip" or "none"
    raw_bytes: int  # before compression
    client: str  # `pg_dump --version`, which also restores it
    archive_format: str  # pg_dump's custom format version, for example "1.14"
    database_settings: tuple[str, ...] = ()  # ALTER DATABASE/ROLE ... SET statements that pg_dump leaves out, without the name
    encoding: str = "UTF8"
    collate: str = "C"
    ctype: str = "C"
    locale_provider: str = "c"  # pg_database.datlocprovider
    icu_locale: str | None = None
    owner: str = ""
    fingerprint: Fingerprint
    warnings: tuple[str, ...] = ()  # unlogged tables, subscriptions, logical slots
    how_to: tuple[str, ...] = ()  # exact commands for a person without Gate


class Proof(Model):
    """A backup was read back, restored and compared."""

    backup: str
    proved_at: str
    manifest_sha256: str
    read_back_seconds: float
    restore_seconds: float
    compare_seconds: float
    server_version: str
    tables: int
    rows: int
