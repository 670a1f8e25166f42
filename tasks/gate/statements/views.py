"""Views: made, replaced, refreshed."""

from collections.abc import Callable

from tasks.gate.effect import ACCESS_EXCLUSIVE, EXCLUSIVE, Effect, Hazard, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, queried, table, unnamed


def _view(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    name = dotted(node.view)
    view = Touched(name=name, kind="view", lock=ACCESS_EXCLUSIVE if node.replace else "", new=not node.replace)
    temporary = node.view.relpersistence == "t"
    return Effect(
        kind=f"CREATE {'OR REPLACE ' if node.replace else ''}VIEW",
        touched=(view, *queried(node.query)),
        leaks=(f"temporary view {name} stays until the session ends",) if temporary else (),
    )


def _refresh(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    name = dotted(node.relation)
    reads = unnamed("the tables that it reads", "table", "AccessShareLock")
    sentence = f"refreshes {name} while nobody can read it"
    return Effect(
        kind=f"REFRESH MATERIALIZED VIEW{' CONCURRENTLY' if node.concurrent else ''}",
        touched=(table(node.relation, EXCLUSIVE if node.concurrent else ACCESS_EXCLUSIVE, "materialized view"), reads),
        work="scan" if node.concurrent else "rewrite",
        because="" if node.skip_data else "its query runs again",
        hazards=() if node.concurrent else (Hazard(kind="refresh", sentence=sentence, table=name),),
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "view_stmt": _view,
    "refresh_mat_view_stmt": _refresh,
}
