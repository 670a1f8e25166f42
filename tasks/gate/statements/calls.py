"""What calls of functions add to any statement: locks of the session, settings, other servers, sequences."""

from collections.abc import Iterator

from tasks.gate import sql
from tasks.gate.effect import ROW_EXCLUSIVE, Effect, Hazard, Touched, strongest_of, together
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.blocks import inside
from tasks.gate.statements.bodies import function_body
from tasks.gate.statements.built_in import STEADY
from tasks.gate.statements.session import CHANGES
from tasks.gate.statements.situation import Situation
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
# Statements that run the functions they name; a view, a default or a policy runs none when it is made.
RUNNING = (
    "call_stmt",
    "create_table_as_stmt",
    "delete_stmt",
    "insert_stmt",
    "merge_stmt",
    "select_stmt",
    "update_stmt",
)
# Functions that are no news: volatile ones of PostgreSQL that are judged by their names where it matters, and those of
# extensions that only compute.
CALLED = (
    "setval nextval currval lastval set_config pg_notify clock_timestamp timeofday pg_sleep random setseed"
    " gen_random_uuid uuidv4 uuidv7 pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock pg_advisory_unlock"
    " pg_advisory_unlock_all pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_xact_lock"
    " pg_relation_size pg_table_size pg_total_relation_size pg_database_size pg_indexes_size pg_xact_status"
    " uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 uuid_generate_v5 uuid_nil unaccent"
    " crypt gen_salt gen_random_bytes digest hmac similarity word_similarity hstore"
)
KNOWN = STEADY.union(CALLED.split(), OUTSIDE)


def with_calls(effect: Effect, statement: ParsedStatement, situation: Situation) -> Effect:
    """The effect with what the functions add that its statement calls: known ones, and those of this release."""
    called = [_function(name, situation) for name in dict.fromkeys(_called(statement, situation))]
    effect = together(effect.kind, [effect, *called]) if called else effect
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


def _called(statement: ParsedStatement, situation: Situation) -> Iterator[str]:
    """Functions that it runs and that are not known."""
    if statement.kind not in RUNNING or is_rows(statement):
        return
    for kind, node in sql.nodes(statement):
        if kind == "FuncCall":
            names = sql.parts(node.funcname)
            known = names[0] == "pg_catalog" or (len(names) == 1 and names[0] in KNOWN)
            if not known or names[-1] in situation.functions:
                yield ".".join(names)


def _function(name: str, situation: Situation) -> Effect:
    """What a function does that this release has made; any other one is not read."""
    plain = name.rpartition(".")[2]
    made = situation.functions.get(plain, [])
    if not made:
        return Effect(kind="", work="unknown", loses="maybe", unknown=(f"it calls {name}, which is not read",))
    if plain in situation.reading:  # it calls itself: what it does is being read already
        return Effect(kind="")
    situation.reading.add(plain)
    try:
        return together("", [inside("", function_body(one), situation) for one in made])
    finally:
        situation.reading.discard(plain)


def _sequences(statement: ParsedStatement) -> Iterator[Touched]:
    """Sequences that a query moves on; a default that calls nextval moves none yet."""
    if statement.kind != "select_stmt" or is_rows(statement):
        return
    for _, arguments in sql.calls(statement, SEQUENCES):
        if arguments and arguments[0]:
            yield Touched(name=arguments[0].replace('"', ""), kind="sequence", lock=ROW_EXCLUSIVE)
