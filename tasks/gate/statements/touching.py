"""Which relations a tree names and how the server locks them, for every family of statements."""

from collections.abc import Iterator
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import ACCESS_SHARE, ROW_EXCLUSIVE, ROW_SHARE, Touched, strongest_of
from tasks.gate.sql import ParsedStatement

LONG = 200_000  # characters: a longer INSERT is rows, and its tree takes seconds to walk
WRITERS = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


def dotted(node: Any) -> str:
    """A relation's name as it is written: `public.orders`."""
    return ".".join(sql.relation(node))


def table(node: Any, lock: str, kind: str = "table") -> Touched:
    """The relation of a RangeVar, with its lock."""
    return Touched(name=dotted(node), kind=kind, lock=lock)


def unnamed(words: str, kind: str, lock: str) -> Touched:
    """What only the catalog knows by name."""
    return Touched(name=words, kind=kind, lock=lock, named=False)


def is_rows(statement: ParsedStatement) -> bool:
    """True for an INSERT that is so long that its tree is not walked."""
    return statement.kind == "insert_stmt" and len(statement.text) > LONG


def queried(node: Any) -> tuple[Touched, ...]:
    """Every relation that a query reads, locks by FOR UPDATE or writes, also in its WITH; never a name from WITH."""
    every = [(type(found).DESCRIPTOR.name, found) for found in sql.tree(node)]
    local = {found.ctename for kind, found in every if kind == "CommonTableExpr"}
    made = {dotted(found.rel) for kind, found in every if kind == "IntoClause" and found.HasField("rel")}
    aliases = {
        item.range_var.location for kind, found in every if kind == "LockingClause" for item in found.locked_rels
    }
    return strongest_of(
        touched
        for kind, found in every
        if not (kind == "RangeVar" and found.location in aliases)  # FOR UPDATE OF names what FROM calls so
        for touched in _of(kind, found)
        if touched.name not in local and touched.name not in made
    )


def _of(kind: str, node: Any) -> Iterator[Touched]:
    if kind == "RangeVar":
        yield table(node, ACCESS_SHARE)
    elif kind in WRITERS:
        yield table(node.relation, ROW_EXCLUSIVE)
    elif kind == "SelectStmt" and node.locking_clause:
        yield from _locked(node)


def _locked(select: Any) -> Iterator[Touched]:
    """The relations of FOR UPDATE and FOR SHARE: those that OF names, by alias or name, else all of FROM."""
    names = {item.range_var.relname for clause in select.locking_clause for item in clause.locking_clause.locked_rels}
    every = any(not clause.locking_clause.locked_rels for clause in select.locking_clause)
    for item in select.from_clause:
        for node in sql.tree(sql.inner(item)):
            if type(node).DESCRIPTOR.name == "RangeVar":
                called = node.alias.aliasname if node.HasField("alias") else node.relname
                if every or called in names:
                    yield table(node, ROW_SHARE)
