"""Statements on rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import (
    ACCESS_EXCLUSIVE,
    ACCESS_SHARE,
    ROW_EXCLUSIVE,
    Effect,
    Hazard,
    Loss,
    Touched,
)
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, is_rows, queried, table, unnamed


def _insert(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    touched = (table(node.relation, ROW_EXCLUSIVE),) if is_rows(statement) else queried(node)
    overwrites = sql.enum(node.on_conflict_clause, "action") == "ONCONFLICT_UPDATE"
    return Effect(kind="INSERT", touched=touched, work="rows", loses="maybe" if overwrites else "no")


def _writing(words: str, loses: Loss, verb: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(statement: ParsedStatement, _situation: Situation) -> Effect:
        node = statement.node
        every = not node.HasField("where_clause")
        sentence = f"{verb} every row of {dotted(node.relation)} (no WHERE)"
        return Effect(
            kind=words,
            touched=queried(node),
            work="rows",
            because="every row" if every else "",
            loses=loses,
            hazards=(Hazard(kind=f"{words.lower()}-every-row", sentence=sentence),) if every else (),
        )

    return rule


def _merge(statement: ParsedStatement, _situation: Situation) -> Effect:
    return Effect(kind="MERGE", touched=queried(statement.node), work="rows", loses="maybe")


def _truncate(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    names = [dotted(item.range_var) for item in node.relations]
    hazards = [Hazard(kind="truncate", sentence=f"empties table {name}") for name in names]
    touched = [table(item.range_var, ACCESS_EXCLUSIVE) for item in node.relations]
    if node.restart_seqs:
        touched.append(unnamed("sequences that they own, if any", "sequence", ACCESS_EXCLUSIVE))
    if sql.enum(node, "behavior") == "DROP_CASCADE":
        hazards.append(Hazard(kind="truncate-cascade", sentence="empties every table that refers to it, too (CASCADE)"))
        touched.append(unnamed("every table that refers to it, if any", "table", ACCESS_EXCLUSIVE))
    return Effect(kind="TRUNCATE", touched=tuple(touched), loses="yes", hazards=tuple(hazards))


def _copy(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    outside = ""
    if node.is_program:
        outside = "runs a program on the server (COPY PROGRAM)"
    elif node.filename:
        outside = f"{'reads' if node.is_from else 'writes'} a file on the server (COPY)"
    touched: tuple[Touched, ...] = queried(node.query) if node.query.WhichOneof("node") else ()
    if node.HasField("relation"):
        touched = (table(node.relation, ROW_EXCLUSIVE if node.is_from else ACCESS_SHARE),)
    return Effect(
        kind=f"COPY {'FROM' if node.is_from else 'TO'}",
        touched=touched,
        work="rows",
        outside=(outside,) if outside else (),
        hazards=(Hazard(kind="outside", sentence=outside),) if outside else (),
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "insert_stmt": _insert,
    "update_stmt": _writing("UPDATE", "yes", "updates"),
    "delete_stmt": _writing("DELETE", "yes", "deletes"),
    "merge_stmt": _merge,
    "truncate_stmt": _truncate,
    "copy_stmt": _copy,
}
