"""ALTER TABLE and its like: the commands of one statement, each judged by its family, taken together."""

from collections.abc import Callable, Mapping
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, Effect, Touched, together
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements import add_column, alter_column, constraints, partitions, table_settings
from tasks.gate.statements.commands import Command, CommandRule
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted

FAMILIES: list[Mapping[str, CommandRule]] = [
    add_column.COMMANDS,
    alter_column.COMMANDS,
    constraints.COMMANDS,
    partitions.COMMANDS,
    table_settings.COMMANDS,
]
COMMANDS: dict[str, CommandRule] = {name: rule for family in FAMILIES for name, rule in family.items()}


def _alter_table(statement: ParsedStatement, situation: Situation) -> Effect:
    node = statement.node
    what = sql.enum(node, "objtype").removeprefix("OBJECT_").replace("MATVIEW", "MATERIALIZED_VIEW").replace("_", " ")
    effects = [_command(item.alter_table_cmd, node, what, situation) for item in node.cmds]
    words = ", ".join(dict.fromkeys(effect.kind for effect in effects))
    return together(f"ALTER {what} ... {words}", effects)


def _command(node: Any, statement: Any, what: str, situation: Situation) -> Effect:
    subtype = sql.enum(node, "subtype")
    command = Command(node=node, table=dotted(statement.relation), kind=what.lower(), situation=situation)
    rule = COMMANDS.get(subtype)
    if rule is not None:
        return rule(command)
    return Effect(
        kind=subtype.removeprefix("AT_"),
        touched=(Touched(name=command.table, kind=command.kind, lock=ACCESS_EXCLUSIVE),),
        work="unknown",
        loses="maybe",
        unknown=(f"ALTER {what} with {subtype.removeprefix('AT_')} is not known to the gate",),
    )


def _move_all(statement: ParsedStatement, _situation: Situation) -> Effect:
    what = sql.enum(statement.node, "objtype").removeprefix("OBJECT_")
    where = statement.node.orig_tablespacename
    name = f"every {what.lower()} in tablespace {where}"
    return Effect(
        kind=f"ALTER {what} ALL IN TABLESPACE",
        touched=(Touched(name=name, kind=what.lower(), lock=ACCESS_EXCLUSIVE, named=False),),
        work="rewrite",
        because="each is copied to the other tablespace",
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "alter_table_stmt": _alter_table,
    "alter_table_move_all_stmt": _move_all,
}
