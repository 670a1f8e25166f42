"""SET ROLE and SET SESSION AUTHORIZATION in a migration: which role it leaves the session with, as its text says.

Drizzle sends them: what one file does not reset holds for its ledger row and for every later migration of the run. So
does the gate in a plan of one transaction. Where a plan is cut, the gate writes rows of its own, which are nobody
else's business, so there every role must be given back before the cut.
"""

from collections.abc import Iterator, Sequence

from tasks.gate import sql
from tasks.gate.plan import Problem
from tasks.gate.segment import Segment, Statement
from tasks.gate.sql import NotSql, ParsedStatement
from tasks.gate.statements.bodies import do_body

NAMES = ("role", "session_authorization")
WORDS = {"role": "SET ROLE", "session_authorization": "SET SESSION AUTHORIZATION"}
MENTIONS = ("role", "authorization")
GOES_BACK = ("TRANS_STMT_ROLLBACK_TO",)
LOCALLY = ("True", "true", "t", "on")  # the third argument of set_config

Held = dict[tuple[str, bool], str]  # by name and whether only for the transaction: the role, as far as it is a literal


def changes_role(text: str) -> bool:
    """True when a text, as it stands, may change who the session is: a statement of it, or one inside its DO block."""
    lowered = text.lower()
    if not any(word in lowered for word in (*MENTIONS, "rollback")):
        return False
    try:
        found = sql.statements(text)
    except NotSql:
        return False
    return any(_changes(statement) for statement in found)


def role_left(found: Sequence[ParsedStatement]) -> str:
    """The role that statements leave set, in words: `SET ROLE app`; empty when they give back what they took.

    Args:
        found: in order; a DO block counts by the statements in it.
    """
    held: Held = {}
    savepoints: dict[str, Held] = {}
    for statement in _flat(found):
        if statement.kind == "transaction_stmt":
            name, kind = statement.node.savepoint_name, sql.enum(statement.node, "kind")
            if kind == "TRANS_STMT_SAVEPOINT":
                savepoints[name] = dict(held)
            elif kind in GOES_BACK:
                held = dict(savepoints.get(name, held))
        for name, value, local in _set(statement):
            held = {key: role for key, role in held.items() if key[0] != name or (local and not key[1])}
            if value is not None:
                held[name, local] = value
    return next((f"{WORDS[name]} {role}".strip() for (name, _), role in held.items()), "")


def role_left_by(file: str, pieces: Sequence[str]) -> str:
    """As `role_left`, of a whole file."""
    if not any(word in piece.lower() for piece in pieces for word in MENTIONS):
        return ""
    return role_left(sql.read(file, pieces)[0])


def roles_across_cuts(segments: Sequence[Segment]) -> Iterator[Problem]:
    """A role that is still set where a segment ends: what comes then is the gate's own."""
    for segment in segments:
        found = [parsed for statement in segment.statements for parsed in _parsed(statement)]
        lasting = [statement for statement in _flat(found) if not _only_local(statement)]
        if left := role_left(lasting):
            last = segment.statements[-1]
            yield Problem(
                tag=last.tag,
                kind="session",
                cause=f"{last.tag}: {left} is still in force where the plan is cut after its line {last.line}, and the"
                " gate writes there how far it got",
                remedy="RESET ROLE before the COMMIT, or before the statement that runs outside of a transaction",
            )


def _parsed(statement: Statement) -> Sequence[ParsedStatement]:
    if not any(word in statement.text.lower() for word in MENTIONS):
        return ()
    try:
        return sql.statements(statement.text, statement.tag)
    except NotSql:
        return ()


def _flat(found: Sequence[ParsedStatement]) -> Iterator[ParsedStatement]:
    for statement in found:
        if statement.kind == "do_stmt" and any(word in statement.text.lower() for word in MENTIONS):
            body = do_body(statement)
            yield from (*body.statements, *body.expressions)
        else:
            yield statement


def _changes(statement: ParsedStatement) -> bool:
    if statement.kind == "transaction_stmt":
        return sql.enum(statement.node, "kind") in GOES_BACK
    return any(_set(one) for one in _flat([statement]))


def _set(statement: ParsedStatement) -> list[tuple[str, str | None, bool]]:
    """Each setting of who we are that a statement changes: its name, the role or None for our own, for how long."""
    found = [
        (name, _own(arguments[1]), (arguments[2:3] or [""])[0] in LOCALLY)
        for _, arguments in sql.calls(statement, ("set_config",))
        if len(arguments) > 1 and (name := (arguments[0] or "").lower()) in NAMES
    ]
    node = statement.node
    if statement.kind == "variable_set_stmt" and node.name.lower() in NAMES:
        sets = sql.enum(node, "kind") == "VAR_SET_VALUE"
        found.append((node.name.lower(), _own(sql.constant(node.args[0])) if sets else None, node.is_local))
    return found


def _own(role: str | None) -> str | None:
    """NONE and DEFAULT are whoever logged in; a role that is no literal is some role."""
    if role is None:
        return ""
    return None if role.lower() in ("none", "default") else role


def _only_local(statement: ParsedStatement) -> bool:
    found = _set(statement)
    return bool(found) and all(local for _, _, local in found)
