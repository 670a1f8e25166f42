"""What a statement does to a table that is already in use: scans and rewrites under a lock, names that move."""

from collections.abc import Callable, Iterator
from typing import Any

from tasks.gate import sql
from tasks.gate.sql import ParsedStatement

STABLE_DEFAULTS = ("now", "current_timestamp", "transaction_timestamp", "statement_timestamp")
SERIALS = ("serial", "bigserial", "smallserial", "serial4", "serial8", "serial2")
RENAMES = {"OBJECT_TABLE": "table", "OBJECT_COLUMN": "column", "OBJECT_VIEW": "view", "OBJECT_TYPE": "type"}


def table_hazards(statement: ParsedStatement, new_tables: set[tuple[str, ...]]) -> Iterator[str]:
    """Sentences about one statement; tables that this run creates are empty and unknown to anybody else.

    Args:
        statement: any statement.
        new_tables: names of tables that earlier statements of this run create.
    """
    judge = JUDGES.get(statement.kind)
    if judge is None or not statement.node.HasField("relation"):
        return
    name = sql.relation(statement.node.relation)
    if name not in new_tables:
        yield from judge(statement.node, ".".join(name))


def _index(node: Any, table: str) -> Iterator[str]:
    if not node.concurrent:
        yield f"builds an index on {table}; nobody can write to it meanwhile"


def _alter(node: Any, table: str) -> Iterator[str]:
    for item in node.cmds:
        command = item.alter_table_cmd
        judge = COMMANDS.get(sql.enum(command, "subtype"))
        if judge is not None:
            yield from judge(command, table)


def _drop_column(command: Any, table: str) -> Iterator[str]:
    cascade = ", and everything that depends on it (CASCADE)" if sql.enum(command, "behavior") == "DROP_CASCADE" else ""
    yield f"drops column {table}.{command.name}; its values are gone{cascade}"


def _column_type(command: Any, table: str) -> Iterator[str]:
    yield f"changes the type of {table}.{command.name}; the table may be rewritten while nobody can read it"


def _not_null(command: Any, table: str) -> Iterator[str]:
    yield f"sets {table}.{command.name} to NOT NULL; every row is read while nobody can read or write"


def _add_column(command: Any, table: str) -> Iterator[str]:
    column = getattr(command, "def").column_def
    constraints = {sql.enum(item.constraint, "contype"): item.constraint for item in column.constraints}
    name = f"{table}.{column.colname}"
    default = constraints.get("CONSTR_DEFAULT")
    serial = bool(column.type_name.names) and sql.parts(column.type_name.names)[-1] in SERIALS
    filled = serial or "CONSTR_IDENTITY" in constraints or "CONSTR_GENERATED" in constraints
    if filled or (default is not None and _is_volatile(default.raw_expr)):
        yield f"adds column {name} with a value of its own per row; the table is rewritten while nobody can read it"
    elif "CONSTR_NOTNULL" in constraints and default is None:
        yield f"adds column {name} as NOT NULL without a default; it fails when {table} has rows"
    if constraints.keys() & {"CONSTR_UNIQUE", "CONSTR_PRIMARY"}:
        yield f"builds an index on {table} while nobody can read or write it"


def _is_volatile(expression: Any) -> bool:
    """True when the default calls a function that may answer differently per row; unknown ones may."""
    return any(
        type(node).DESCRIPTOR.name == "FuncCall" and sql.parts(node.funcname)[-1] not in STABLE_DEFAULTS
        for node in sql.tree(expression)
    )


def _add_constraint(command: Any, table: str) -> Iterator[str]:
    constraint = getattr(command, "def").constraint
    kind = sql.enum(constraint, "contype")
    name = constraint.conname or "a constraint"
    if kind in ("CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_EXCLUSION") and not constraint.indexname:
        yield f"adds {name} to {table}: an index is built while nobody can read or write it"
    elif kind == "CONSTR_FOREIGN" and not constraint.skip_validation:
        other = ".".join(sql.relation(constraint.pktable))
        yield f"adds {name} to {table}: every row is checked against {other} while nobody can write to either"
    elif kind in ("CONSTR_CHECK", "CONSTR_NOTNULL") and not constraint.skip_validation:
        yield f"adds {name} to {table}: every row is checked while nobody can read or write"


def _said(sentence: str) -> Callable[[Any, str], Iterator[str]]:
    def judge(_: Any, table: str) -> Iterator[str]:
        yield sentence.format(table)

    return judge


def _rename(node: Any, table: str) -> Iterator[str]:
    kind = RENAMES.get(sql.enum(node, "rename_type"))
    if kind is None:
        return
    old = f"{table}.{node.subname}" if kind == "column" else table
    yield f"renames {kind} {old} to {node.newname}; the application that runs now still uses the old name"


def _refresh(node: Any, table: str) -> Iterator[str]:
    if not node.concurrent:
        yield f"refreshes {table} while nobody can read it"


JUDGES: dict[str, Callable[[Any, str], Iterator[str]]] = {
    "index_stmt": _index,
    "alter_table_stmt": _alter,
    "rename_stmt": _rename,
    "refresh_mat_view_stmt": _refresh,
    "cluster_stmt": _said("rewrites {} in the order of an index while nobody can read it (CLUSTER)"),
    "alter_object_schema_stmt": _said(
        "moves {} to another schema; the application that runs now still uses the old name"
    ),
}
COMMANDS: dict[str, Callable[[Any, str], Iterator[str]]] = {
    "AT_DropColumn": _drop_column,
    "AT_AlterColumnType": _column_type,
    "AT_SetNotNull": _not_null,
    "AT_AddColumn": _add_column,
    "AT_AddConstraint": _add_constraint,
    "AT_ValidateConstraint": _said("checks every row of {} against a constraint"),
    "AT_SetExpression": _said("computes a column of {} anew; the table is rewritten while nobody can read it"),
    "AT_SetLogged": _said("rewrites {} while nobody can read it (SET LOGGED)"),
    "AT_SetUnLogged": _said("makes {} unlogged: a crash empties it, and no standby has its rows"),
    "AT_SetTableSpace": _said("moves {} to another tablespace while nobody can read it"),
    "AT_SetAccessMethod": _said("rewrites {} while nobody can read it (SET ACCESS METHOD)"),
    "AT_AttachPartition": _said("attaches a partition to {}: its rows are read while nobody can write to it"),
    "AT_DetachPartition": _said("takes a partition out of {}: its rows are no longer found there"),
    "AT_DropConstraint": _said("drops a constraint of {}; what it kept out can come in"),
    "AT_DisableRowSecurity": _said("switches row security of {} off"),
    "AT_DisableTrig": _said("switches a trigger of {} off"),
    "AT_DisableTrigAll": _said("switches all triggers of {} off, foreign keys included"),
    "AT_DisableTrigUser": _said("switches the triggers of {} off"),
}
