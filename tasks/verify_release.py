"""Step 9: verify that production is what the rehearsal said, and that the application on it is well."""

import time
from collections.abc import Callable

import psycopg

from tasks.clients import postgres
from tasks.clients.programs import find
from tasks.clients.schema_text import schema_difference, schema_text
from tasks.gate.applied import Verified
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan
from tasks.gate.production import LedgerShows
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.wording import count, duration, listing
from tasks.invariants import read_invariants
from tasks.probe_production import ledger_shows
from tasks.release import Release
from tasks.tool import tool
from tasks.watch import VerificationFailed, ask_application, ask_invariants, watch
from tasks.workshop import production_url

INVALID = """
select pg_catalog.format('%I.%I', n.nspname, c.relname)
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and n.nspname !~ '^pg_' and c.relkind = 'i'
 order by 1
"""
TRIES = 5  # of a question that could not be put, for example because production could not be reached
PAUSE_SECONDS = 2.0
SHOWN = 12  # lines of a difference within the message; all of them are in the nouns


def verify_release(release: Release, plan: Plan, rehearsal: Rehearsal) -> Verified:
    """Compare ledger and schema with the plan and the rehearsal, ask invariants and health, and keep watching.

    Safe to run twice: it only reads, and a verification that the record holds is returned.

    Raises:
        VerificationFailed: something is not as it must be; the sentence says what.
        ConfigurationError: production cannot be reached.
    """
    if (recorded := release.record.last("verified")) is not None:
        return Verified.model_validate(recorded.body)
    began = time.monotonic()
    url = production_url(release.settings)
    invariants = read_invariants(release.policy.verify.invariants)
    checks = [
        _patiently(lambda: _ledger_and_indexes(release, plan)),
        _patiently(lambda: _schema(release, plan, rehearsal)),
        _patiently(lambda: ask_invariants(url, invariants)),
        ask_application(release.settings, release.policy.verify),
    ]
    watched = watch(release, invariants)
    said = [check for check in checks if check]
    also = f"; watched for {duration(watched)}" if watched else ""
    verified = Verified(
        sentence="; ".join(said) + also,
        seconds=round(time.monotonic() - began, 3),
        watched_seconds=round(watched, 3),
        checks=tuple(said),
    )
    release.record.append("verified", verified)
    return verified


def _patiently(ask: Callable[[], str]) -> str:
    """Ask again while the question itself cannot be put: a network that blinks is no reason to undo a release."""
    for _ in range(TRIES - 1):
        try:
            return ask()
        except VerificationFailed:
            raise
        except (GateError, psycopg.Error):
            time.sleep(PAUSE_SECONDS)
    return ask()


def _ledger_and_indexes(release: Release, plan: Plan) -> str:
    with postgres.connect(production_url(release.settings), purpose="verify", read_only=True) as connection:
        ledger = tool(plan.tool).read_ledger(connection, plan.ledger_schema, plan.ledger_table)
        invalid = [name for (name,) in connection.execute(INVALID)]
    if ledger_shows(ledger, plan) is not LedgerShows.AFTER:
        raise VerificationFailed(
            f"expected {plan.ledger_schema}.{plan.ledger_table} to {_rows_after(plan)}, "
            f"found {count(len(ledger.rows), 'row')} that do not",
            hint="somebody else writes this table; compare `gate status`",
        )
    if invalid:
        raise VerificationFailed(f"invalid indexes in production: {listing(invalid)}", indexes=invalid)
    if plan.ledger_after is not None:
        return f"the ledger holds exactly the {count(len(ledger.rows), 'row')} that the plan said"
    return f"the ledger holds the plan's {count(len(plan.pending), 'row')}"


def _rows_after(plan: Plan) -> str:
    if plan.ledger_after is not None:
        return f"hold exactly the {count(len(plan.ledger_after), 'row')} that the plan said"
    return f"end with exactly the {count(len(plan.pending), 'row')} of this plan"


def _schema(release: Release, plan: Plan, rehearsal: Rehearsal) -> str:
    programs = find(plan.identity.major, release.settings.pg_bin, server=False)
    ledger = (plan.ledger_schema, plan.ledger_table)
    found = schema_text(production_url(release.settings), programs, exclude_ledger=ledger)
    lines = schema_difference(rehearsal.schema_text, found, "rehearsed schema", "production")
    if lines:
        shown = [
            line for line in lines if line[:1] in "+-" and not line.startswith(("+++", "---")) and line[1:].strip()
        ]
        more = f"\n… and {len(shown) - SHOWN} more lines" if len(shown) > SHOWN else ""
        raise VerificationFailed(
            "production's schema is not the rehearsed one (- rehearsed, + production):\n"
            + "\n".join(shown[:SHOWN])
            + more,
            hint="somebody changed the schema besides the migrations, in production or since the backup",
            difference=list(lines),
        )
    return "the schema equals the rehearsed one"
