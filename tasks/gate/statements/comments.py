"""COMMENT and SECURITY LABEL, which lock what they are about."""

from collections.abc import Callable
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import ACCESS_SHARE, SHARE_UPDATE_EXCLUSIVE, Effect, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation

RELATIONS = {
    "OBJECT_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "materialized view",
    "OBJECT_INDEX": "index",
    "OBJECT_SEQUENCE": "sequence",
    "OBJECT_FOREIGN_TABLE": "foreign table",
    "OBJECT_COLUMN": "table",
}
ON_A_TABLE = ("OBJECT_TABCONSTRAINT", "OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY")


def _about(words: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(statement: ParsedStatement, _situation: Situation) -> Effect:
        node = statement.node
        kind = sql.enum(node, "objtype")
        what = (
            kind.removeprefix("OBJECT_").replace("TABCONSTRAINT", "CONSTRAINT").replace("MATVIEW", "MATERIALIZED VIEW")
        )
        return Effect(kind=f"{words} ON {what.replace('_', ' ')}", touched=(_touched(node.object, kind, what),))

    return rule


def _touched(node: Any, kind: str, what: str) -> Touched:
    name = sql.object_name(node)
    if kind in ON_A_TABLE:
        return Touched(name=name.rpartition(".")[0], kind="table", lock=ACCESS_SHARE)
    if kind == "OBJECT_COLUMN":
        return Touched(name=name.rpartition(".")[0], kind="table", lock=SHARE_UPDATE_EXCLUSIVE)
    relation = RELATIONS.get(kind)
    return Touched(name=name, kind=relation or what.lower(), lock=SHARE_UPDATE_EXCLUSIVE if relation else "")


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "comment_stmt": _about("COMMENT"),
    "sec_label_stmt": _about("SECURITY LABEL"),
}
