"""Foreign data: servers and logins, by which statements act outside of this database."""

from collections.abc import Callable

from tasks.gate.effect import Effect, Hazard, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation

SERVER = "creates a foreign server: statements can then act outside of this database"
LOGIN = "stores a login for a foreign server"
REMOTE_EXTENSIONS = ("dblink", "postgres_fdw", "file_fdw", "http", "plpython3u", "plperlu")


def _rule(words: str, name: str, kind: str, outside: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(statement: ParsedStatement, _situation: Situation) -> Effect:
        return Effect(
            kind=words,
            touched=(Touched(name=getattr(statement.node, name), kind=kind),),
            outside=(outside,),
            hazards=(Hazard(kind="outside", sentence=outside),),
        )

    return rule


def _import(statement: ParsedStatement, _situation: Situation) -> Effect:
    outside = f"asks server {statement.node.server_name} for its tables"
    return Effect(kind="IMPORT FOREIGN SCHEMA", outside=(outside,), hazards=(Hazard(kind="outside", sentence=outside),))


def _extension(statement: ParsedStatement, _situation: Situation) -> Effect:
    name = statement.node.extname
    touched = (Touched(name=name, kind="extension"),)
    if name not in REMOTE_EXTENSIONS:
        return Effect(kind="CREATE EXTENSION", touched=touched)
    outside = f"creates extension {name}, which reaches outside of this database"
    return Effect(
        kind="CREATE EXTENSION",
        touched=touched,
        outside=(outside,),
        hazards=(Hazard(kind="outside", sentence=outside),),
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_fdw_stmt": _rule("CREATE FOREIGN DATA WRAPPER", "fdwname", "foreign data wrapper", SERVER),
    "alter_fdw_stmt": _rule(
        "ALTER FOREIGN DATA WRAPPER", "fdwname", "foreign data wrapper", "changes how foreign servers are reached"
    ),
    "create_foreign_server_stmt": _rule("CREATE SERVER", "servername", "server", SERVER),
    "alter_foreign_server_stmt": _rule(
        "ALTER SERVER", "servername", "server", "changes where a foreign server is: statements then act elsewhere"
    ),
    "create_user_mapping_stmt": _rule("CREATE USER MAPPING", "servername", "server", LOGIN),
    "alter_user_mapping_stmt": _rule("ALTER USER MAPPING", "servername", "server", LOGIN),
    "drop_user_mapping_stmt": _rule(
        "DROP USER MAPPING", "servername", "server", "removes a login for a foreign server"
    ),
    "import_foreign_schema_stmt": _import,
    "create_extension_stmt": _extension,
}
