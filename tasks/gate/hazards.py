"""What a migration may legally do but somebody should know beforehand: losses, long locks, broken readers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tasks.gate import sql
from tasks.gate.hazards_table import table_hazards
from tasks.gate.sql import ParsedStatement

OUTSIDE = (
    "dblink",
    "dblink_exec",
    "dblink_connect",
    "dblink_send_query",
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "lo_import",
    "lo_export",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_file_write",
)
SESSION_LOCKS = ("pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_advisory_unlock_all")
REMOTE_EXTENSIONS = ("dblink", "postgres_fdw", "file_fdw", "http", "plpython3u", "plperlu")
DROPS = {
    "OBJECT_TABLE": "drops table {}; its rows are gone",
    "OBJECT_SCHEMA": "drops schema {}",
    "OBJECT_TYPE": "drops type {}",
    "OBJECT_VIEW": "drops view {}; whatever still reads it fails",
    "OBJECT_MATVIEW": "drops materialised view {}; whatever still reads it fails",
    "OBJECT_SEQUENCE": "drops sequence {}",
    "OBJECT_EXTENSION": "drops extension {}",
    "OBJECT_FUNCTION": "drops function {}; whatever still calls it fails",
    "OBJECT_TRIGGER": "drops trigger {}; what it kept up is no longer kept up",
    "OBJECT_POLICY": "drops row security policy {}",
    "OBJECT_FOREIGN_TABLE": "drops foreign table {}",
}


def hazards(found: Sequence[ParsedStatement]) -> tuple[str, ...]:
    """Sentences for the approver, in the order of the statements.

    Args:
        found: all statements of all pending migrations, in the order of execution: what is done to a table that an
            earlier one of them creates locks nobody out.
    """
    new_tables: set[tuple[str, ...]] = set()
    lines: list[str] = []
    for statement in found:
        lines += [f"{statement.where}: {sentence}" for sentence in _sentences(statement, new_tables)]
        new_tables |= set(_created(statement))
    return tuple(dict.fromkeys(lines))


def _sentences(statement: ParsedStatement, new_tables: set[tuple[str, ...]]) -> Iterator[str]:
    judge = JUDGES.get(statement.kind)
    if judge is not None:
        yield from judge(statement.node)
    yield from table_hazards(statement, new_tables)
    for name, _ in sql.calls(statement, OUTSIDE):
        yield f"calls {name}, which acts outside of this database: no rollback and no backup covers that"
    for name, _ in sql.calls(statement, SESSION_LOCKS):
        yield f"calls {name}, which holds on to (or gives up) locks of the whole session"
    yield from _settings(statement)


def _created(statement: ParsedStatement) -> Iterator[tuple[str, ...]]:
    if statement.kind == "create_stmt" and not statement.node.if_not_exists:
        yield sql.relation(statement.node.relation)
    elif statement.kind == "create_table_as_stmt":
        yield sql.relation(statement.node.into.rel)


def _settings(statement: ParsedStatement) -> Iterator[str]:
    for name in sql.settings(statement):
        if name == "search_path":
            yield "changes search_path, for itself and for every later migration of the run"
        elif name == "session_replication_role":
            yield "changes session_replication_role: triggers and foreign keys may be switched off from here on"
        elif name in ("standard_conforming_strings", "row_security", "default_transaction_read_only"):
            yield f"changes {name}, for itself and for every later migration of the run"


def _drop(node: Any) -> Iterator[str]:
    sentence = DROPS.get(sql.enum(node, "remove_type"))
    cascade = ", and everything that depends on it (CASCADE)" if sql.enum(node, "behavior") == "DROP_CASCADE" else ""
    for item in node.objects:
        if sentence is not None:
            yield sentence.format(sql.object_name(item)) + cascade
        elif cascade:
            yield f"drops {sql.object_name(item)}{cascade}"


def _truncate(node: Any) -> Iterator[str]:
    for item in node.relations:
        yield f"empties table {'.'.join(sql.relation(item.range_var))}"
    if sql.enum(node, "behavior") == "DROP_CASCADE":
        yield "empties every table that refers to it, too (CASCADE)"


def _update(node: Any) -> Iterator[str]:
    if not node.HasField("where_clause"):
        yield f"updates every row of {'.'.join(sql.relation(node.relation))} (no WHERE)"


def _delete(node: Any) -> Iterator[str]:
    if not node.HasField("where_clause"):
        yield f"deletes every row of {'.'.join(sql.relation(node.relation))} (no WHERE)"


def _copy(node: Any) -> Iterator[str]:
    if node.is_program:
        yield "runs a program on the server (COPY PROGRAM)"
    elif node.filename:
        yield f"{'reads' if node.is_from else 'writes'} a file on the server (COPY)"


def _extension(node: Any) -> Iterator[str]:
    if node.extname in REMOTE_EXTENSIONS:
        yield f"creates extension {node.extname}, which reaches outside of this database"


def _always(sentence: str) -> Callable[[Any], Iterator[str]]:
    def judge(_node: Any) -> Iterator[str]:
        yield sentence

    return judge


ROLES = "changes roles, which belong to the whole cluster and not to this database's backup"
JUDGES: dict[str, Callable[[Any], Iterator[str]]] = {
    "drop_stmt": _drop,
    "truncate_stmt": _truncate,
    "update_stmt": _update,
    "delete_stmt": _delete,
    "copy_stmt": _copy,
    "create_extension_stmt": _extension,
    "create_foreign_server_stmt": _always("creates a foreign server: statements can then act outside of this database"),
    "create_user_mapping_stmt": _always("stores a login for a foreign server"),
    "create_subscription_stmt": _always("creates a subscription, which fetches from another server"),
    "create_role_stmt": _always(ROLES),
    "alter_role_stmt": _always(ROLES),
    "drop_role_stmt": _always(ROLES),
    "grant_role_stmt": _always(ROLES),
    "alter_database_set_stmt": _always("changes settings of the database, for every new session"),
    "drop_owned_stmt": _always("drops everything that a role owns (DROP OWNED)"),
    "listen_stmt": _always("listens on a channel, for the rest of the session"),
    "load_stmt": _always("loads a library into the session"),
}
