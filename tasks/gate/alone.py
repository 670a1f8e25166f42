"""What the gate runs outside of any transaction, from the parse tree: what it acts on, and what it waits for.

Which statements PostgreSQL refuses in a transaction is decided in one place (`tasks/gate/statements/transactions.py`);
here are those among them that can be taken up again after an interruption.
"""

from collections.abc import Callable
from typing import Any

from tasks.gate import sql
from tasks.gate.segment import Alone, Kind
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.bodies import do_body
from tasks.gate.statements.transactions import OFF, transaction_rule

SHARED = "ShareUpdateExclusiveLock"  # keeps other schema changes and vacuum out, and nobody else
EXCLUSIVE = "AccessExclusiveLock"


def alone(statement: ParsedStatement, major: int, *, outside: bool = False) -> Alone | None:
    """What a statement is that PostgreSQL refuses in a transaction and the gate runs by itself; None for any other.

    Args:
        statement: of a migration.
        major: production's major version.
        outside: the tool's own transaction is not open there, so a procedure may commit on its way.
    """
    if outside and (words := _commits(statement)):
        return Alone(words=words, kind=Kind.PROCEDURE)
    describe = KINDS.get(statement.kind)
    if describe is None or transaction_rule(statement, major).rule != "no":
        return None
    return describe(statement.node)


def _commits(statement: ParsedStatement) -> str:
    """What may commit on its way, in words: a block that does, and any procedure, which is not read."""
    if statement.kind == "call_stmt":
        return f"CALL {'.'.join(sql.parts(statement.node.funccall.funcname))}"
    if statement.kind != "do_stmt":
        return ""
    body = do_body(statement)
    return "DO with COMMIT or ROLLBACK inside" if body.ends or body.may_end else ""


def _index(node: Any) -> Alone:
    table = sql.relation(node.relation)
    name = (*table[:-1], node.idxname) if node.idxname else ()  # an index lies in the schema of its table
    return Alone(
        words="CREATE INDEX CONCURRENTLY",
        kind=Kind.BUILD_INDEX,
        name=name,
        table=table,
        if_missing=node.if_not_exists,
        patient=True,
        locks=SHARED,
    )


def _drop(node: Any) -> Alone:
    name = sql.parts(sql.inner(node.objects[0]).items)
    return Alone(
        words="DROP INDEX CONCURRENTLY",
        kind=Kind.DROP_INDEX,
        name=name,
        if_missing=node.missing_ok,
        patient=True,
        locks=SHARED,
    )


def _reindex(node: Any) -> Alone:
    target = sql.enum(node, "kind").removeprefix("REINDEX_OBJECT_")
    concurrently = sql.options(node.params).get("concurrently", "off") not in OFF
    named = sql.relation(node.relation) if node.HasField("relation") else ()
    return Alone(
        words=f"REINDEX {target} CONCURRENTLY" if concurrently else f"REINDEX {target}",
        kind=Kind.REINDEX,
        name=named if target == "INDEX" else (),
        table=named if target == "TABLE" else (),
        patient=concurrently,
        locks=SHARED if concurrently else EXCLUSIVE,
    )


def _vacuum(node: Any) -> Alone:
    full = sql.options(node.options).get("full", "off") not in OFF
    named = [sql.relation(item.vacuum_relation.relation) for item in node.rels]
    return Alone(
        words="VACUUM FULL" if full else "VACUUM",
        kind=Kind.VACUUM,
        table=named[0] if len(named) == 1 else (),
        patient=not full,
        locks=EXCLUSIVE if full else SHARED,
    )


def _detach(node: Any) -> Alone:
    command = getattr(node.cmds[0].alter_table_cmd, "def").partition_cmd  # the server takes no other command beside it
    return Alone(
        words="DETACH PARTITION CONCURRENTLY",
        kind=Kind.DETACH,
        name=sql.relation(command.name),
        table=sql.relation(node.relation),
        locks=EXCLUSIVE,
    )


KINDS: dict[str, Callable[[Any], Alone]] = {
    "index_stmt": _index,
    "drop_stmt": _drop,
    "reindex_stmt": _reindex,
    "vacuum_stmt": _vacuum,
    "alter_table_stmt": _detach,
}
