"""How much room there is where production keeps its files, when that can be seen from here at all."""

import shutil
from pathlib import Path

import psycopg

from tasks.clients import postgres
from tasks.gate.errors import GateError
from tasks.gate.names import restore_name
from tasks.release import Release
from tasks.workshop import production_name, production_url

# Only a superuser or pg_read_all_settings sees the folder, and only on the same machine does it mean anything here.
WHERE = """
select pg_catalog.current_setting('data_directory'),
       coalesce(pg_catalog.inet_server_addr() = pg_catalog.inet_client_addr(), true),
       -- what an earlier process of this release restored by half is dropped before it is restored again
       coalesce((select pg_catalog.pg_database_size(oid) from pg_catalog.pg_database where datname = %s), 0)
"""


def free_bytes(release: Release) -> int | None:
    """Free bytes on the disk of production's data directory; None when production runs elsewhere or hides it.

    None as well when this release has restored its backup beside production already: then nothing more is needed.
    """
    if release.record.last("restored_beside") is not None:
        return None
    url = production_url(release.settings)
    beside = restore_name(production_name(release.settings), release.id)
    database = release.policy.recovery.maintenance_database
    try:
        with postgres.connect(url, purpose="disk", read_only=True, database=database) as connection:
            row = connection.execute(WHERE, [beside]).fetchone()
        folder = Path(str(row[0])) if row and row[1] else None
        if folder is None or not (folder / "PG_VERSION").exists():
            return None
        return shutil.disk_usage(folder).free + int(row[2] if row else 0)
    except (psycopg.Error, GateError, OSError):
        return None
