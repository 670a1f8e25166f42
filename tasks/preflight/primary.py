"""Production is a primary that takes writes, not a standby or a database that is set to read-only."""

from tasks.clients.postgres import in_recovery
from tasks.preflight.check import Answer, Check, failed, passed
from tasks.preflight.question import Surroundings

# Our own session is read-only by our own SET; reset_val is what the server, the database or the role would have given.
READ_ONLY_BY_DEFAULT = "select reset_val = 'on' from pg_settings where name = 'default_transaction_read_only'"


def ask(around: Surroundings) -> Answer:
    """Ask production whether it is in recovery, and whether its sessions begin read-only."""
    production = around.production()
    if in_recovery(production):
        return failed(
            "production is a standby: it accepts no migration",
            hint="point GATE_PRODUCTION_URL to the primary; with several hosts add target_session_attrs=read-write",
        )
    row = production.execute(READ_ONLY_BY_DEFAULT).fetchone()
    if row and row[0]:
        database, user = production.info.dbname, production.info.user
        return failed(
            f"sessions of {user} in {database} begin read-only (default_transaction_read_only)",
            hint=f"ALTER DATABASE {database} RESET default_transaction_read_only, or the same for ROLE {user}",
        )
    return passed(f"it takes writes, timeline {around.identity.timeline}")


CHECK = Check("primary", "Production is a primary", ask)
