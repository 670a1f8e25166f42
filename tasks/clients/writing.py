"""Sessions of a recovery, which write also where somebody made sessions begin read-only to protect what is left."""

from typing import Any

import psycopg
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.connection_failures import translate
from tasks.clients.postgres import Connection

WRITE = "set default_transaction_read_only = off"
# How sessions begin that would stop a restore: read-only, or ended while one of its jobs rests until another is done.
STOPS = """
select name from pg_catalog.pg_settings
 where name = 'default_transaction_read_only' and reset_val = 'on' or name = 'idle_session_timeout' and reset_val <> '0'
 order by name
"""
INSTEAD = {"default_transaction_read_only": "off", "idle_session_timeout": "0"}


def connect_to_write(url: SecretStr | str, *, purpose: str, **limits: Any) -> Connection:
    """As `postgres.connect`, and the session's transactions may write, whatever database and role begin with.

    Only for what brings production back or is made beside it: an apply refuses a production that is read-only.

    Raises:
        ConfigurationError: it could not be opened.
    """
    connection = postgres.connect(url, purpose=purpose, **limits)
    try:
        connection.execute(WRITE)
    except psycopg.Error as error:
        connection.close()
        raise translate(error, parameters(url)) from None
    return connection


def url_to_write(session: Connection, url: SecretStr) -> SecretStr:
    """The URL for a program that has to write and takes as long as it takes, and sets neither itself.

    Args:
        session: of the same role on the same server, to ask how its sessions begin.
        url: of the database; comes back as it is where nothing has to be said, because not every pooler lets it pass.

    Raises:
        psycopg.Error: the session is lost.
    """
    options = [f"-c {name}={INSTEAD[name]}" for (name,) in session.execute(STOPS)]
    if not options:
        return url
    found = parameters(url)
    return make_url({**found, "options": " ".join([found.get("options", ""), *options]).strip()})
