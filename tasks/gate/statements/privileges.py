"""Privileges, and what a role owns in this database."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, ACCESS_SHARE, Effect, Hazard, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, unnamed

LOCKS_SINCE = 18  # GRANT on a table or a sequence takes ACCESS SHARE on it from here on; it took no lock before
RELATIONS = ("OBJECT_TABLE", "OBJECT_SEQUENCE")


def _grant(statement: ParsedStatement, situation: Situation) -> Effect:
    node = statement.node
    kind = sql.enum(node, "objtype")
    words = "GRANT" if node.is_grant else "REVOKE"
    lock = ACCESS_SHARE if kind in RELATIONS and situation.major >= LOCKS_SINCE else ""
    what = kind.removeprefix("OBJECT_").replace("_", " ").lower()
    if sql.enum(node, "targtype") == "ACL_TARGET_ALL_IN_SCHEMA":
        schemas = ", ".join(sql.object_name(item) for item in node.objects)
        return Effect(kind=words, touched=(unnamed(f"every {what} of schema {schemas}", what, lock),))
    if kind in RELATIONS:
        touched = [Touched(name=dotted(item.range_var), kind=what, lock=lock) for item in node.objects]
    else:
        touched = [Touched(name=sql.object_name(item), kind=what) for item in node.objects]
    return Effect(kind=words, touched=tuple(touched))


def _default(_statement: ParsedStatement, _situation: Situation) -> Effect:
    return Effect(kind="ALTER DEFAULT PRIVILEGES")


def _owned(statement: ParsedStatement, _situation: Situation) -> Effect:
    drops = statement.kind == "drop_owned_stmt"
    sentence = "drops everything that a role owns (DROP OWNED)"
    return Effect(
        kind="DROP OWNED" if drops else "REASSIGN OWNED",
        touched=(unnamed("everything that the role owns, if anything", "table", ACCESS_EXCLUSIVE),),
        loses="maybe" if drops else "no",
        hazards=(Hazard(kind="drop-owned", sentence=sentence),) if drops else (),
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "grant_stmt": _grant,
    "alter_default_privileges_stmt": _default,
    "drop_owned_stmt": _owned,
    "reassign_owned_stmt": _owned,
}
