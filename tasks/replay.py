"""Replays a whole folder from an empty database: the proof that the files alone make the schema."""

import re
import secrets

from psycopg import sql

from tasks.clients import postgres
from tasks.clients.scratch import ScratchServer
from tasks.clients.session_settings import BY_ITSELF, Session
from tasks.gate.errors import Refused
from tasks.gate.plan import Folder
from tasks.run_segments import plan_over, run_plan
from tasks.tool import StatementFailed

STATEMENT_MS = 600_000
HINTS = {
    "42704": "create what is missing (a role, a type, an extension) in a migration, or on the scratch server before",
    "0A000": "install the extension's files on the machine that has the scratch server",
    "58P01": "install the extension's files on the machine that has the scratch server",
    "3F000": "create the schema in a migration that comes before",
    "42P01": "the folder does not create what this migration needs; find out where production got it from",
    "55P04": "release the ALTER TYPE ... ADD VALUE apart from the use of the value",
    "25001": "this statement cannot run inside a transaction",
}


def replay(
    scratch: ScratchServer,
    folder: Folder,
    ledger_schema: str,
    ledger_table: str,
    session: Session = BY_ITSELF,
) -> str:
    """Apply the whole folder to a new, empty database and return its name; safe to run twice, each has its own.

    Args:
        scratch: a server of ours.
        folder: as it was read.
        ledger_schema: where the ledger goes, as on production.
        ledger_table: its name.
        session: how production's sessions begin. A schema of its search path that no file creates was made where the
            path was set, beside the migrations, and so it is here.

    Raises:
        Refused: a migration cannot run from empty; names it and its statement.
    """
    name = f"gate_replay_{secrets.token_hex(4)}"
    url = scratch.create_database(name, settings=session.settings)
    try:
        with postgres.connect(url, purpose="replay", statement_timeout_ms=STATEMENT_MS) as connection:
            for schema in session.schemas:
                if not _creates(folder, schema):
                    connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
            run_plan(connection, plan_over(connection, folder, folder.migrations, (ledger_schema, ledger_table)))
    except StatementFailed as failure:
        scratch.drop_database(name)
        raise Refused(
            f"replayed from an empty database, {failure.message}",
            hint=HINTS.get(failure.sqlstate or "", "the folder must be able to make the schema from nothing"),
            **failure.nouns,
        ) from None
    except BaseException:
        scratch.drop_database(name)
        raise
    return name


def _creates(folder: Folder, schema: str) -> bool:
    """True when a file creates it, also inside a DO block; rather too often than too seldom."""
    pattern = re.compile(rf"create\s+schema\b[^;]*\b{re.escape(schema)}\b", re.IGNORECASE)
    return any(pattern.search(text) for migration in folder.migrations for text in migration.statements)
