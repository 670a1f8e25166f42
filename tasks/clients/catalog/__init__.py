"""A database's schema as objects, each with the text that makes it and the text that removes it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from tasks.gate.draft import Catalog, Dependence, Names, SchemaObject

Connection = psycopg.Connection[tuple[Any, ...]]
LEDGER = """
select pg_catalog.set_config('gate.ledger', %s, false), pg_catalog.set_config('gate.ledger_schema', %s, false),
       pg_catalog.set_config('search_path', '', false)
"""
# A query is read by its name; those that say so begin with tables that several of them share.
NAME = re.compile(r"^-- name: (.+)\n", re.MULTILINE)
SHARED = re.compile(r"^-- with (ours|types)(,?)$", re.MULTILINE)
NO_OBJECTS = ("ours", "types", "view depends", "names")


def read_catalog(connection: Connection, ledger: tuple[str, str]) -> Catalog:
    """Everything of a database that belongs to nobody else: no extension's parts, and not the ledger.

    Args:
        connection: to a database of ours; its search_path is emptied, so that every text names schemas.
        ledger: schema and table of the migrations table.
    """
    connection.execute(LEDGER, [f"{ledger[0]}.{ledger[1]}", ledger[0]])
    texts = _queries()
    found = [
        SchemaObject(*row)
        for name, text in texts.items()
        if name not in NO_OBJECTS
        for row in connection.execute(text.encode())
    ]
    depends = [Dependence(*row) for row in connection.execute(texts["view depends"].encode())]
    return Catalog({(o.kind, o.name): o for o in found}, tuple(depends))


def read_names(connection: Connection) -> Names:
    """Names by number: in two copies of one database the same number under another name was renamed."""
    connection.execute("select pg_catalog.set_config('search_path', '', false)")
    rows = connection.execute(_queries()["names"].encode()).fetchall()
    return {(kind, oid, sub): (name, text) for kind, oid, sub, name, text in rows}


@cache
def _queries() -> dict[str, str]:
    """The queries of the files beside this one, by name."""
    found: dict[str, str] = {}
    for file in sorted(Path(__file__).parent.glob("*.sql")):
        _, *parts = NAME.split(file.read_text(encoding="utf-8"))
        found |= dict(zip(parts[::2], parts[1::2], strict=True))
    return {name: SHARED.sub(lambda m: f"with {found[m[1]].strip()}{m[2]}", text) for name, text in found.items()}
