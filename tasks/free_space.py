"""How much room there is where production keeps its files, when that can be seen from here at all."""

import shutil
from pathlib import Path

import psycopg

from tasks.clients import postgres
from tasks.gate.errors import GateError
from tasks.release import Release
from tasks.workshop import production_url

# Only a superuser or pg_read_all_settings sees the folder, and only on the same machine does it mean anything here.
WHERE = """
select pg_catalog.current_setting('data_directory'),
       coalesce(pg_catalog.inet_server_addr() = pg_catalog.inet_client_addr(), true)
"""


def free_bytes(release: Release) -> int | None:
    """Free bytes on the disk of production's data directory; None when production runs elsewhere or hides it."""
    try:
        with postgres.connect(production_url(release.settings), purpose="disk", read_only=True) as connection:
            row = connection.execute(WHERE).fetchone()
        folder = Path(str(row[0])) if row and row[1] else None
        if folder is None or not (folder / "PG_VERSION").exists():
            return None
        return shutil.disk_usage(folder).free
    except (psycopg.Error, GateError, OSError):
        return None
