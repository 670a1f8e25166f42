"""Has PostgreSQL itself note which tables are rewritten, and why, in a scratch database."""

import psycopg

from tasks.clients.postgres import Connection

# A setting rather than a notice: a migration may silence notices (client_min_messages), and a rolled back
# subtransaction takes the note back together with the rewrite. pg_catalog is named everywhere because a migration may
# move the search path.
INSTALL = """
create schema gate_rehearsal;
create function gate_rehearsal.note_rewrite() returns event_trigger
language plpgsql set search_path = pg_catalog as $$
begin
  perform pg_catalog.set_config('gate.rewrites', pg_catalog.concat(
    pg_catalog.current_setting('gate.rewrites', true),
    pg_catalog.pg_event_trigger_table_rewrite_oid(), ':', pg_catalog.pg_event_trigger_table_rewrite_reason(), ' '
  ), false);
end $$;
create event trigger gate_rehearsal_rewrites on table_rewrite execute function gate_rehearsal.note_rewrite();
"""
UNINSTALL = """
drop event trigger if exists gate_rehearsal_rewrites;
drop schema if exists gate_rehearsal cascade;
"""
NOTED = "select pg_catalog.current_setting('gate.rewrites', true)"
# src/include/commands/event_trigger.h: AT_REWRITE_ALTER_PERSISTENCE, _DEFAULT_VAL, _COLUMN_REWRITE, _ACCESS_METHOD
REASONS = {1: "LOGGED or UNLOGGED", 2: "a default computed per row", 4: "a column's type", 8: "the access method"}


def install(connection: Connection) -> bool:
    """Note rewrites in this database; False where the role may not (then only that a table was rewritten is known)."""
    try:
        connection.execute(INSTALL)
    except psycopg.Error:
        return False
    return True


def uninstall(connection: Connection) -> None:
    """Leave no trace: what `install` created must not show up in a comparison."""
    connection.execute(UNINSTALL)


def read_notes(connection: Connection) -> str:
    """Everything noted in this session, as `new_notes` understands it."""
    row = connection.execute(NOTED).fetchone()
    return str(row[0] or "") if row else ""


def new_notes(before: str, now: str) -> dict[int, int]:
    """Table oid to reason, noted since an earlier reading; RESET ALL in a migration starts the notes again."""
    return {int(oid): int(why) for oid, _, why in (note.partition(":") for note in now.removeprefix(before).split())}


def reason_words(reason: int) -> str:
    """A reason as PostgreSQL numbers it, in words; several may apply to one rewrite."""
    return " and ".join(words for bit, words in REASONS.items() if reason & bit) or f"reason {reason}"
