"""VACUUM, ANALYZE, CLUSTER."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, Effect, Hazard
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, table, unnamed
from tasks.gate.statements.transactions import OFF


def _vacuum(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    full = sql.options(node.options).get("full", "off") not in OFF
    lock = ACCESS_EXCLUSIVE if full else SHARE_UPDATE_EXCLUSIVE
    tables = [table(item.vacuum_relation.relation, lock) for item in node.rels]
    words = ("VACUUM FULL" if full else "VACUUM") if node.is_vacuumcmd else "ANALYZE"
    return Effect(
        kind=words,
        touched=tuple(tables) or (unnamed("every table of the database", "table", lock),),
        work="rewrite" if full else "scan",
        because="" if full else "reads and writes go on",
        hazards=tuple(
            Hazard(
                kind="vacuum-full", sentence=f"rewrites {t.name} while nobody can read it (VACUUM FULL)", table=t.name
            )
            for t in tables
            if full
        ),
    )


def _cluster(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    if not node.HasField("relation"):
        every = unnamed("every table that was clustered before", "table", ACCESS_EXCLUSIVE)
        return Effect(kind="CLUSTER", touched=(every,), work="rewrite")
    name = dotted(node.relation)
    sentence = f"rewrites {name} in the order of an index while nobody can read it (CLUSTER)"
    return Effect(
        kind="CLUSTER",
        touched=(table(node.relation, ACCESS_EXCLUSIVE),),
        work="rewrite",
        hazards=(Hazard(kind="cluster-table", sentence=sentence, table=name),),
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "vacuum_stmt": _vacuum,
    "cluster_stmt": _cluster,
}
