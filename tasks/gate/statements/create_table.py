"""CREATE TABLE in all its forms: a new relation locks nobody out, but what it refers to is locked."""

from collections.abc import Callable, Iterator
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import (
    ACCESS_EXCLUSIVE,
    ACCESS_SHARE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Effect,
    Touched,
    strongest_of,
)
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, queried, table, unnamed

TEMPORARY = "t"


def _create(statement: ParsedStatement, _situation: Situation) -> Effect:
    return _table(statement.node, "TABLE")


def _foreign(statement: ParsedStatement, _situation: Situation) -> Effect:
    made = _table(statement.node.base_stmt, "FOREIGN TABLE")
    return made.model_copy(update={"outside": (f"reads and writes through server {statement.node.servername}",)})


def _table(node: Any, what: str) -> Effect:
    name = dotted(node.relation)
    temporary = node.relation.relpersistence == TEMPORARY
    others = strongest_of(touched for touched in _others(node) if touched.name != name)
    words = f"{what} ... PARTITION OF" if node.HasField("partbound") else what
    return Effect(
        kind=f"CREATE {'TEMPORARY ' if temporary else ''}{words}",
        touched=(Touched(name=name, kind=what.lower(), new=not node.if_not_exists), *others),
        leaks=(f"temporary table {name} stays until the session ends",) if temporary and _stays(node) else (),
    )


def _stays(node: Any) -> bool:
    return sql.enum(node, "oncommit") != "ONCOMMIT_DROP"


def _others(node: Any) -> Iterator[Touched]:
    lock = ACCESS_EXCLUSIVE if node.HasField("partbound") else SHARE_UPDATE_EXCLUSIVE
    for item in node.inh_relations:
        yield table(item.range_var, lock)
        if node.HasField("partbound"):
            yield unnamed(f"the default partition and the indexes of {dotted(item.range_var)}", "table", lock)
    if node.HasField("of_typename"):
        yield Touched(name=".".join(sql.parts(node.of_typename.names)), kind="type", lock=ACCESS_SHARE)
    for item in node.table_elts:
        element = sql.inner(item)
        kind = type(element).DESCRIPTOR.name
        if kind == "TableLikeClause":
            yield table(element.relation, ACCESS_SHARE)
        elif kind == "Constraint":
            yield from _referenced(element)
        elif kind == "ColumnDef":
            for constraint in element.constraints:
                yield from _referenced(constraint.constraint)


def _referenced(constraint: Any) -> Iterator[Touched]:
    if sql.enum(constraint, "contype") == "CONSTR_FOREIGN":
        yield table(constraint.pktable, SHARE_ROW_EXCLUSIVE)


def _as(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    materialised = sql.enum(node, "objtype") == "OBJECT_MATVIEW"
    temporary = node.into.rel.relpersistence == TEMPORARY
    name = dotted(node.into.rel)
    what = "MATERIALIZED VIEW" if materialised else "TABLE"
    return Effect(
        kind=f"CREATE {what}{'' if materialised else ' AS'}",
        touched=(Touched(name=name, kind=what.lower(), new=not node.if_not_exists), *queried(node.query)),
        work="instant" if node.into.skip_data else "scan",
        because="" if node.into.skip_data else "its query runs; reads and writes go on",
        leaks=(f"temporary table {name} stays until the session ends",) if temporary else (),
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_stmt": _create,
    "create_foreign_table_stmt": _foreign,
    "create_table_as_stmt": _as,
}
