"""What is attached to a table: triggers, rules, policies, statistics; and event triggers."""

from collections.abc import Callable

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
from tasks.gate.statements.touching import queried, table


def _trigger(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    other = [table(node.constrrel, ACCESS_SHARE)] if node.HasField("constrrel") else []
    words = f"CREATE {'OR REPLACE ' if node.replace else ''}{'CONSTRAINT ' if node.isconstraint else ''}TRIGGER"
    return Effect(kind=words, touched=(table(node.relation, SHARE_ROW_EXCLUSIVE), *other))


def _rule(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    return Effect(
        kind=f"CREATE {'OR REPLACE ' if node.replace else ''}RULE",
        touched=strongest_of((table(node.relation, ACCESS_EXCLUSIVE), *_inside(node.actions))),
    )


def _inside(items: object) -> list[Touched]:
    return [
        touched
        for item in items  # type: ignore[attr-defined]
        for touched in queried(sql.inner(item))
        if touched.name not in ("old", "new")
    ]


def _policy(words: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(statement: ParsedStatement, _situation: Situation) -> Effect:
        node = statement.node
        reads = [*queried(node.qual), *queried(node.with_check)]
        return Effect(kind=words, touched=strongest_of((table(node.table, ACCESS_EXCLUSIVE), *reads)))

    return rule


def _statistics(statement: ParsedStatement, _situation: Situation) -> Effect:
    relations = [table(sql.inner(item), SHARE_UPDATE_EXCLUSIVE) for item in statement.node.relations]
    return Effect(kind="CREATE STATISTICS", touched=tuple(relations))


def _alter_statistics(statement: ParsedStatement, _situation: Situation) -> Effect:
    name = ".".join(sql.parts(statement.node.defnames))
    return Effect(kind="ALTER STATISTICS", touched=(Touched(name=name, kind="statistics"),))


def _event_trigger(statement: ParsedStatement, _situation: Situation) -> Effect:
    words = "CREATE" if statement.kind == "create_event_trig_stmt" else "ALTER"
    return Effect(kind=f"{words} EVENT TRIGGER", touched=(Touched(name=statement.node.trigname, kind="event trigger"),))


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_trig_stmt": _trigger,
    "rule_stmt": _rule,
    "create_policy_stmt": _policy("CREATE POLICY"),
    "alter_policy_stmt": _policy("ALTER POLICY"),
    "create_stats_stmt": _statistics,
    "alter_stats_stmt": _alter_statistics,
    "create_event_trig_stmt": _event_trigger,
    "alter_event_trig_stmt": _event_trigger,
}
