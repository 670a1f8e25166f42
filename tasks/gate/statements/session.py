"""What acts on the session or its transaction: SET, LISTEN, LOCK, DISCARD, BEGIN."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import Effect, Hazard
from tasks.gate.rehearsal import MODES
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import table

RUN = "for itself and for every later migration of the run"
CHANGES = {
    "search_path": f"changes search_path, {RUN}",
    "session_replication_role": "changes session_replication_role: triggers and foreign keys may be switched off from"
    " here on",
    "standard_conforming_strings": f"changes standard_conforming_strings, {RUN}",
    "row_security": f"changes row_security, {RUN}",
    "default_transaction_read_only": f"changes default_transaction_read_only, {RUN}",
}


def _set(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    resets = sql.enum(node, "kind").startswith("VAR_RESET")
    if node.name == "TRANSACTION":
        return Effect(kind="SET TRANSACTION", control=True)
    return Effect(kind=f"{'RESET' if resets else 'SET'}{' LOCAL' if node.is_local else ''}")


def _transaction(statement: ParsedStatement, _situation: Situation) -> Effect:
    kind = sql.enum(statement.node, "kind").removeprefix("TRANS_STMT_").replace("_", " ")
    return Effect(kind=kind.replace("START", "START TRANSACTION"), control=True)


def _lock(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    mode = MODES[node.mode - 1]
    return Effect(kind="LOCK TABLE", touched=tuple(table(item.range_var, mode) for item in node.relations))


def _listen(statement: ParsedStatement, _situation: Situation) -> Effect:
    sentence = "listens on a channel, for the rest of the session"
    return Effect(
        kind="LISTEN",
        leaks=(f"listens on {statement.node.conditionname} until the session ends",),
        hazards=(Hazard(kind="listen", sentence=sentence),),
    )


def _load(_statement: ParsedStatement, _situation: Situation) -> Effect:
    sentence = "loads a library into the session"
    return Effect(kind="LOAD", leaks=(sentence,), hazards=(Hazard(kind="load", sentence=sentence),))


def _discard(statement: ParsedStatement, _situation: Situation) -> Effect:
    what = sql.enum(statement.node, "target").replace("_", " ")
    leaks = ("throws away what the session had",) if what != "DISCARD PLANS" else ()
    return Effect(kind=what, leaks=leaks)


def _plain(words: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(_statement: ParsedStatement, _situation: Situation) -> Effect:
        return Effect(kind=words)

    return rule


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "variable_set_stmt": _set,
    "variable_show_stmt": _plain("SHOW"),
    "constraints_set_stmt": _plain("SET CONSTRAINTS"),
    "transaction_stmt": _transaction,
    "lock_stmt": _lock,
    "listen_stmt": _listen,
    "unlisten_stmt": _plain("UNLISTEN"),
    "notify_stmt": _plain("NOTIFY"),
    "load_stmt": _load,
    "discard_stmt": _discard,
}
