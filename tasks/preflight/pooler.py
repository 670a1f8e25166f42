"""Production is not behind a pooler, which would hand the gate's locks and time limits to somebody else's session.

Measured with a pooler in transaction mode: two gates held the same advisory lock, and a lock_timeout leaked to another
client. The process number that the server names when a session begins is then not the one that answers.
"""

from tasks.clients.postgres import Connection
from tasks.gate.wording import listing
from tasks.preflight.check import Answer, Check, failed, passed
from tasks.preflight.question import Surroundings

TIMES = 5


def ask(around: Surroundings) -> Answer:
    """Compare the announced process number with the one that answers, several times."""
    production = around.production()
    announced, answering = production.info.backend_pid, answering_processes(production)
    if answering == {announced}:
        return passed("one server process answers, the one that the server announced")
    return failed(
        "production is behind a connection pooler: "
        f"process {announced} was announced, {listing([str(p) for p in sorted(answering)])} answered",
        hint="give GATE_PRODUCTION_URL the server's own address and port (often 5432), not the pooler's (often 6432)",
    )


def answering_processes(connection: Connection) -> set[int]:
    """Numbers of the server processes that answer on a connection, one statement after another."""
    rows = (connection.execute("select pg_backend_pid()").fetchone() for _ in range(TIMES))
    return {int(row[0]) for row in rows if row}


CHECK = Check("pooler", "Production is not behind a pooler", ask)
