"""What a backup consists of; written last, so that a half backup is never a backup."""

import json
from typing import Any, Self

from pydantic import Field

from tasks.gate.fingerprint import Fingerprint, SequencePrint
from tasks.gate.identity import Identity
from tasks.gate.model import Model, canonical, sha256


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
    settings: StoredObject | None = None  # `database_settings` as SQL for psql, not compressed
    compression: str  # "zstd", "gzip" or "none"
    raw_bytes: int  # before compression
    client: str  # `pg_dump --version`, which also restores it
    archive_format: str  # pg_dump's custom format version, for example "1.14"
    database_settings: tuple[str, ...] = ()  # statements that pg_dump leaves out; :"database" stands for the name
    encoding: str = "UTF8"
    collate: str = "C"
    ctype: str = "C"
    locale_provider: str = "c"  # pg_database.datlocprovider: c is libc, i is ICU, b is built in
    icu_locale: str | None = None  # the locale of the last two
    owner: str = ""
    fingerprint: Fingerprint
    # Sequences are outside of snapshots: those that moved while the dump ran, and where they were at its end.
    sequences_after: dict[str, SequencePrint] = Field(default_factory=dict)
    roles: dict[str, bool] = Field(
        default_factory=dict
    )  # roles that own or are granted something here, to "is a superuser"
    extension_schemas: dict[str, str] = Field(default_factory=dict)
    foreign_servers: tuple[str, ...] = ()  # their addresses and passwords are in the dump
    warnings: tuple[str, ...] = ()  # unlogged tables, subscriptions, logical slots
    how_to: tuple[str, ...] = ()  # exact commands for a person without Gate
    seal: str = ""  # SHA-256 of everything else here, so that an altered manifest shows

    def sealed(self) -> Self:
        """The same manifest with its seal."""
        return self.model_copy(update={"seal": _seal(self.model_dump(mode="json"))})

    def stored(self) -> bytes:
        """The bytes that are written, and that `Proof.manifest_sha256` is taken over."""
        return canonical(self.model_dump(mode="json"))

    @classmethod
    def read(cls, body: bytes) -> Self:
        """The manifest that these stored bytes are.

        The seal is taken over the stored text, so manifests of earlier versions, with fewer fields, hold as well.

        Raises:
            ValueError: they were altered, or are no manifest.
        """
        fields = json.loads(body)
        if not isinstance(fields, dict) or fields.get("seal") != _seal(fields):
            raise ValueError("the seal does not hold")
        return cls.model_validate(fields)


def _seal(fields: dict[str, Any]) -> str:
    return sha256(canonical({name: value for name, value in fields.items() if name != "seal"}))


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
    notes: tuple[str, ...] = ()  # where the scratch server differs, for example a collation that it does not have
