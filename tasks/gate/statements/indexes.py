"""Indexes: built, rebuilt."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import (
    ACCESS_EXCLUSIVE,
    SHARE,
    SHARE_UPDATE_EXCLUSIVE,
    Effect,
    Hazard,
    Touched,
)
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, table, unnamed
from tasks.gate.statements.transactions import OFF


def _create(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    name = dotted(node.relation)
    words = f"CREATE {'UNIQUE ' if node.unique else ''}INDEX{' CONCURRENTLY' if node.concurrent else ''}"
    sentence = f"builds an index on {name}; nobody can write to it meanwhile"
    hazards = () if node.concurrent else (Hazard(kind="index-blocks-writes", sentence=sentence, table=name),)
    new = [Touched(name=node.idxname, kind="index", new=not node.if_not_exists)] if node.idxname else []
    return Effect(
        kind=words,
        touched=(table(node.relation, SHARE_UPDATE_EXCLUSIVE if node.concurrent else SHARE), *new),
        work="scan",
        because="an index is built while reads and writes go on" if node.concurrent else "an index is built",
        hazards=hazards,
    )


def _reindex(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    concurrent = sql.options(node.params).get("concurrently", "false") not in OFF
    what = sql.enum(node, "kind").removeprefix("REINDEX_OBJECT_")
    if node.HasField("relation"):
        touched = _rebuilt(dotted(node.relation), what, concurrent=concurrent)
    else:
        name = f"every table of {what.lower()} {node.name}".rstrip()
        touched = (unnamed(name, "table", SHARE_UPDATE_EXCLUSIVE if concurrent else SHARE),)
    return Effect(
        kind=f"REINDEX {what}{' CONCURRENTLY' if concurrent else ''}",
        touched=touched,
        work="scan",
        because="every index is built anew",
        hazards=() if concurrent else (_blocks(touched[0], what),),
    )


def _rebuilt(name: str, what: str, *, concurrent: bool) -> tuple[Touched, ...]:
    on_table = SHARE_UPDATE_EXCLUSIVE if concurrent else SHARE
    on_index = SHARE_UPDATE_EXCLUSIVE if concurrent else ACCESS_EXCLUSIVE
    if what == "INDEX":
        index = Touched(name=name, kind="index", lock=on_index)
        return index, unnamed(f"the table of index {name}", "table", on_table)
    return Touched(name=name, kind="table", lock=on_table), unnamed(f"the indexes of {name}", "index", on_index)


def _blocks(touched: Touched, what: str) -> Hazard:
    built = touched.name if what == "INDEX" else f"the indexes of {touched.name}"
    sentence = f"builds {built} anew; nobody can write meanwhile, and reads that use the index wait"
    return Hazard(kind="reindex-blocks", sentence=sentence, table=touched.name)


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "index_stmt": _create,
    "reindex_stmt": _reindex,
}
