"""A person without Gate restores a backup: nothing of ours is used but the manifest, a plain JSON file."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from tasks.backup_folder import folder
from tasks.clients.directory_store import DirectoryStore
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.postgres import connect, with_database
from tasks.clients.programs import embedded_programs
from tests.integration.backing_up import TARGET, back_up, execute, value

ROWS = """
create role plain_owner; create role plain_reader;
create table "Order lines" (id bigint generated always as identity primary key, note text);
insert into "Order lines" (note) select md5(n::text) from generate_series(1, 1000) n;
alter table "Order lines" owner to plain_owner; grant select on "Order lines" to plain_reader;
"""


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_the_commands_in_the_manifest_restore_the_backup(
    tmp_path: Path, production_server: EmbeddedServer, staging_server: EmbeddedServer, compression: str
) -> None:
    production = production_server.create_database("plain shop")
    store = DirectoryStore(tmp_path / "the store")
    try:
        execute(production, ROWS)
        execute(
            production,
            "alter database \"plain shop\" set work_mem to '7MB'; comment on database \"plain shop\" is 'it''s'",
        )
        manifest = back_up(store, production, compression)
        file = tmp_path / "the store" / folder(TARGET, manifest.id) / "manifest.json"
        commands = json.loads(file.read_text(encoding="utf-8"))["how_to"]
        _run(commands, tmp_path / "desk", staging_server)
        restored = with_database(staging_server.url(), "plain shop_restored")
        with connect(restored, purpose="test") as connection:
            query = "select count(*), min(tableowner), bool_or(has_table_privilege('plain_reader', %s, 'select'))"
            found = connection.execute(
                f"{query} from \"Order lines\", pg_tables where tablename = 'Order lines'", ['"Order lines"']
            )
            assert found.fetchone() == (1000, "plain_owner", True)
        assert value(restored, "select current_setting('work_mem')") == "7MB"
    finally:
        staging_server.drop_database("plain shop_restored")
        production_server.drop_database("plain shop")
        for server in (staging_server, production_server):
            execute(server.url(), "drop role if exists plain_owner, plain_reader")


def _run(commands: list[str], desk: Path, server: EmbeddedServer) -> None:
    desk.mkdir()
    programs = embedded_programs().directory
    for line in commands:
        if line.startswith("zstd") and shutil.which("zstd") is None:
            _decompress(desk / line.split()[-1])
            continue
        said = subprocess.run(
            ["/bin/sh", "-euc", line],
            cwd=desk,
            env={"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin", **_account(server.url())},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.returncode == 0, f"{line}: {said.stderr}"


def _account(url: SecretStr) -> dict[str, str]:
    """What a person would have exported to reach their own server."""
    found = conninfo_to_dict(url.get_secret_value())
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    return {variable: str(found[name]) for name, variable in names.items() if name in found} | {
        "HOME": os.environ.get("HOME", "/")
    }


def _decompress(file: Path) -> None:
    """A machine without the zstd program: any implementation reads the frames."""
    import zstandard

    with file.open("rb") as packed, file.with_suffix("").open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(packed, plain)
    file.unlink()
