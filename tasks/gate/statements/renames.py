"""Names, schemas and owners that move: quick for the server, and felt by whoever still uses the old one."""

from collections.abc import Callable
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, Effect, Hazard, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, unnamed

SAID = {"OBJECT_TABLE": "table", "OBJECT_COLUMN": "column", "OBJECT_VIEW": "view", "OBJECT_TYPE": "type"}
INSIDE = {
    "OBJECT_COLUMN": "COLUMN",
    "OBJECT_TABCONSTRAINT": "CONSTRAINT",
    "OBJECT_ATTRIBUTE": "ATTRIBUTE",
}


def _rename(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    renamed = sql.enum(node, "rename_type")
    what = _words(_around(node, renamed))
    kind = f"ALTER {what} ... RENAME{' ' + INSIDE[renamed] if renamed in INSIDE else ''}"
    if not node.HasField("relation"):
        return Effect(
            kind=kind, touched=(Touched(name=_object(node), kind=what.lower()),), hazards=_type(node, renamed)
        )
    table = dotted(node.relation)
    lock = SHARE_UPDATE_EXCLUSIVE if renamed == "OBJECT_INDEX" else ACCESS_EXCLUSIVE
    relation = "table" if what in ("TRIGGER", "RULE", "POLICY") else what.lower()
    said = SAID.get(renamed)
    old = f"{table}.{node.subname}" if said == "column" else table
    return Effect(
        kind=kind,
        touched=(Touched(name=table, kind=relation, lock=lock),),
        hazards=() if said is None else (_moves(f"rename-{said}", f"renames {said} {old} to {node.newname}", table),),
    )


def _around(node: Any, renamed: str) -> str:
    """What the renamed thing belongs to; the grammar says nothing for a constraint, which only a table has."""
    if renamed == "OBJECT_TABCONSTRAINT":
        return "OBJECT_TABLE"
    return sql.enum(node, "relation_type") if renamed in INSIDE else renamed


def _type(node: Any, renamed: str) -> tuple[Hazard, ...]:
    if renamed != "OBJECT_TYPE":
        return ()
    return (_moves("rename-type", f"renames type {_object(node)} to {node.newname}", ""),)


def _moves(kind: str, what: str, table: str) -> Hazard:
    return Hazard(kind=kind, sentence=f"{what}; the application that runs now still uses the old name", table=table)


def _set_schema(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    what = _words(sql.enum(node, "object_type"))
    name = dotted(node.relation) if node.HasField("relation") else _object(node)
    if not node.HasField("relation"):
        return Effect(kind=f"ALTER {what} ... SET SCHEMA", touched=(Touched(name=name, kind=what.lower()),))
    sequences = unnamed(f"sequences that {name} owns, if any", "sequence", ACCESS_EXCLUSIVE)
    return Effect(
        kind=f"ALTER {what} ... SET SCHEMA",
        touched=(Touched(name=name, kind=what.lower(), lock=ACCESS_EXCLUSIVE), sequences),
        hazards=(_moves("set-schema", f"moves {name} to another schema", name),),
    )


def _owner(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    what = _words(sql.enum(node, "object_type"))
    outside = ("changes the whole cluster, not only this database",) if what in ("DATABASE", "TABLESPACE") else ()
    return Effect(
        kind=f"ALTER {what} ... OWNER TO", touched=(Touched(name=_object(node), kind=what.lower()),), outside=outside
    )


def _words(kind: str) -> str:
    words = kind.removeprefix("OBJECT_").replace("MATVIEW", "MATERIALIZED_VIEW").replace("_EXT", "S")
    return words.replace("DOMCONSTRAINT", "DOMAIN").replace("_", " ")


def _object(node: Any) -> str:
    return sql.object_name(node.object) if node.object.WhichOneof("node") else node.subname


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "rename_stmt": _rename,
    "alter_object_schema_stmt": _set_schema,
    "alter_owner_stmt": _owner,
}
