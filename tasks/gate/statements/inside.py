"""What calls of functions add to any statement: locks of the session, settings, other servers, sequences."""

from collections.abc import Iterator

from tasks.gate import sql
from tasks.gate.effect import ROW_EXCLUSIVE, Effect, Hazard, Touched, strongest_of
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.session import CHANGES
from tasks.gate.statements.touching import is_rows

OUTSIDE = (
    "dblink",
    "dblink_exec",
    "dblink_connect",
    "dblink_send_query",
    "pg_read_file",
    "pg_read_binary_file",
    "pg_ls_dir",
    "lo_import",
    "lo_export",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_file_write",
)
SESSION_LOCKS = ("pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_advisory_unlock_all")
SEQUENCES = ("nextval", "setval")


def with_calls(effect: Effect, statement: ParsedStatement) -> Effect:
    """The effect with what the functions add that its statement calls."""
    hazards = [*effect.hazards]
    outside, leaks = [*effect.outside], [*effect.leaks]
    for name, _ in sql.calls(statement, OUTSIDE):
        said = f"calls {name}, which acts outside of this database: no rollback and no backup covers that"
        hazards.append(Hazard(kind="outside", sentence=said))
        outside.append(said)
    for name, _ in sql.calls(statement, SESSION_LOCKS):
        said = f"calls {name}, which holds on to (or gives up) locks of the whole session"
        hazards.append(Hazard(kind="session-lock", sentence=said))
        leaks.append(said)
    for name in sql.settings(statement):
        leaks.append("RESET ALL" if name == sql.EVERYTHING else f"changes {name}")
        if name in CHANGES:
            hazards.append(Hazard(kind="session-setting", sentence=CHANGES[name]))
    return effect.model_copy(
        update={
            "touched": strongest_of((*effect.touched, *_sequences(statement))),
            "hazards": tuple(dict.fromkeys(hazards)),
            "outside": tuple(dict.fromkeys(outside)),
            "leaks": tuple(dict.fromkeys(leaks)),
        }
    )


def _sequences(statement: ParsedStatement) -> Iterator[Touched]:
    """Sequences that a query moves on; a default that calls nextval moves none yet."""
    if statement.kind != "select_stmt" or is_rows(statement):
        return
    for _, arguments in sql.calls(statement, SEQUENCES):
        if arguments and arguments[0]:
            yield Touched(name=arguments[0].replace('"', ""), kind="sequence", lock=ROW_EXCLUSIVE)
