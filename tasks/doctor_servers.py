"""The doctor's questions to PostgreSQL: reach it, read it, dump it, and start and stop a server like it."""

import select
import time

from tasks.clients import postgres
from tasks.clients.child import connection_environment, start
from tasks.clients.programs import find
from tasks.clients.scratch import scratch_server
from tasks.doctor_bench import Bench
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.plan import Ledger
from tasks.gate.wording import count, duration
from tasks.preflight.check import Answer, Check, failed, passed, warned
from tasks.survey import survey
from tasks.tool import ledger_place, tool_of

MAGIC = b"PGDMP"  # the first bytes of every archive in pg_dump's custom format
DUMP_S = 60.0  # until the first byte: pg_dump reads the whole catalogue before it writes, in seconds
SKEW_S = 60.0  # signatures and expiries are off by more than this, in seconds


def production(bench: Bench) -> Answer:
    """Connect, and say which database answered."""
    began = time.monotonic()
    connection = bench.production()
    took = duration(time.monotonic() - began)
    who = bench.identity
    where = f"{postgres.describe(bench.production_url)}, cluster {who.system_identifier}"
    return passed(f"{where}, PostgreSQL {who.server_version}, as {connection.info.user}, in {took}")


def ledger(bench: Bench) -> Answer:
    """Read the migrations table: the one that is set, else the one that is in use."""
    schema, table = ledger_place(bench.settings)
    found = tool_of(bench.settings).read_ledger(bench.production(), schema, table)
    if found.exists:
        return passed(f"{schema}.{table} holds {count(len(found.rows), 'row')}")
    elsewhere = _elsewhere(bench)
    if elsewhere is not None:
        return warned(
            f"{schema}.{table} does not exist on production, and {elsewhere.schema_name}.{elsewhere.table} holds"
            f" {count(len(elsewhere.rows), 'row')} of this folder: it is used",
            hint=f"set GATE_MIGRATIONS_SCHEMA={elsewhere.schema_name} and GATE_MIGRATIONS_TABLE={elsewhere.table}",
        )
    return warned(
        f"{schema}.{table} does not exist on production: every migration would be pending",
        hint="right for a new database; else set GATE_MIGRATIONS_SCHEMA and GATE_MIGRATIONS_TABLE",
    )


def _elsewhere(bench: Bench) -> Ledger | None:
    """The ledger that a plan would find; None when it finds none, or the folder cannot be read."""
    try:
        found = survey(bench.settings, bench.production()).ledger
    except (ConfigurationError, Refused):
        return None
    return found if found.exists else None


def staging(bench: Bench) -> Answer:
    """Connect to staging and read its ledger."""
    connection = bench.staging()
    if connection is None:
        return warned(
            "no staging database is set, so every release would be refused unless that is waived",
            hint="set GATE_STAGING_URL",
        )
    who = bench.staging_identity()
    assert who is not None, "staging answered"
    rows = len(tool_of(bench.settings).read_ledger(connection, *ledger_place(bench.settings)).rows)
    return passed(f"{who.database}, PostgreSQL {who.server_version}, {count(rows, 'row')} in its migrations table")


def dump(bench: Bench) -> Answer:
    """Start a real dump of production and stop it at its first bytes: by then it has locked every table it reads."""
    programs = bench.programs()
    argv = [programs.path("pg_dump"), "--format=custom", "--no-password", "--lock-wait-timeout=5s"]
    began = time.monotonic()
    with (
        connection_environment(bench.production_url) as environment,
        start(argv, environment=environment) as child,
    ):
        assert child.stdout is not None
        ready, _, _ = select.select([child.stdout], [], [], DUMP_S)
        first = child.stdout.read(len(MAGIC)) if ready else b""
        if not ready:
            return failed(f"pg_dump wrote nothing in {duration(DUMP_S)}", hint="look for locks and load on production")
        if not first:
            child.wait(5)
    if first == MAGIC:
        return passed(f"pg_dump {programs.version} began a dump in {duration(time.monotonic() - began)}")
    said = [line for line in child.error_text().splitlines() if line.strip()]
    return failed(
        f"pg_dump cannot dump production: {said[0] if said else 'it ended without a word'}",
        said[:10],
        hint="grant what the line `privileges` names",
    )


def scratch(bench: Bench) -> Answer:
    """Start a scratch server, ask it something, and stop it."""
    configured = bench.settings.scratch_url
    programs = None if configured else find(bench.identity.major, bench.settings.pg_bin, server=True)
    began = time.monotonic()
    with scratch_server(programs, configured=configured, never=bench.identity) as server:
        server.create_database("gate_doctor")
        server.drop_database("gate_doctor")
        what = f"PostgreSQL {server.major}" + (", made for this and gone again" if server.own else ", GATE_SCRATCH_URL")
        if server.major != bench.identity.major:
            return failed(
                f"the scratch server has PostgreSQL {server.major}, production {bench.identity.major}",
                hint="set GATE_SCRATCH_URL to a server of production's major version, or unset it",
            )
    return passed(f"{what}, {duration(time.monotonic() - began)}")


def clock(bench: Bench) -> Answer:
    """Compare this machine's clock with production's."""
    before = time.time()
    row = bench.production().execute("select extract(epoch from clock_timestamp())::float8").fetchone()
    assert row is not None, "a server has a clock"
    skew = abs(row[0] - (before + time.time()) / 2)
    if skew > SKEW_S:
        return warned(
            f"this machine's clock and production's are {duration(skew)} apart",
            hint="synchronise both with NTP: windows and expiries follow this machine's clock",
        )
    return passed(f"this machine's clock and production's agree within {duration(max(skew, 0.001))}")


PRODUCTION = Check("production", "Production answers", production)
LEDGER = Check("ledger", "The migrations table can be read", ledger)
STAGING = Check("staging", "Staging answers", staging)
DUMP = Check("dump", "Production can be dumped", dump)
SCRATCH = Check("scratch", "A scratch server starts and stops", scratch)
CLOCK = Check("clock", "The clocks agree", clock)
