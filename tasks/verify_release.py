"""Step 9: verify that production is what the rehearsal said, and that the application on it is well."""

import time

from tasks.clients import postgres
from tasks.clients.schema_text import changed_lines, schema_difference
from tasks.gate.applied import Verified
from tasks.gate.plan import Plan
from tasks.gate.production import LedgerShows
from tasks.gate.rehearsal import Rehearsal
from tasks.gate.wording import count, duration, listing
from tasks.invariants import read_invariants
from tasks.probe_production import ledger_shows
from tasks.release import Release
from tasks.schema_before import production_schema
from tasks.tool import tool
from tasks.watch import VerificationFailed, ask_application, ask_invariants, patiently, watch
from tasks.workshop import production_url

INVALID = """
select pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(c.relname)
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and n.nspname !~ '^pg_' and c.relkind = 'i'
 order by 1
"""


def verify_release(release: Release, plan: Plan, rehearsal: Rehearsal) -> Verified:
    """Compare ledger and schema with the plan and the rehearsal, ask invariants and health, and keep watching.

    Safe to run twice: it only reads, and a verification that the record holds is returned.

    Raises:
        VerificationFailed: something is not as it must be; the sentence says what.
        ConfigurationError: production could not be asked for a minute.
    """
    if (recorded := release.record.last("verified")) is not None:
        return Verified.model_validate(recorded.body)
    began = time.monotonic()
    url = production_url(release.settings)
    invariants = read_invariants(release.policy.verify.invariants)
    checks = [
        patiently(lambda: _ledger_and_indexes(release, plan, rehearsal)),
        patiently(lambda: _schema(release, plan, rehearsal)),
        patiently(lambda: ask_invariants(url, invariants)),
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


def _ledger_and_indexes(release: Release, plan: Plan, rehearsal: Rehearsal) -> str:
    with postgres.connect(production_url(release.settings), purpose="verify", read_only=True) as connection:
        ledger = tool(plan.tool).read_ledger(connection, plan.ledger_schema, plan.ledger_table)
        invalid = connection.execute(INVALID).fetchall()
    if ledger_shows(ledger, plan) is not LedgerShows.AFTER:
        raise VerificationFailed(
            f"expected {plan.ledger_schema}.{plan.ledger_table} to {_rows_after(plan)}, "
            f"found {count(len(ledger.rows), 'row')} that do not",
            hint="somebody else writes this table; compare `gate status`",
        )
    # pg_dump leaves invalid indexes out: one that the rehearsed schema names is this release's, any other is not.
    if ours := [name for name, index in invalid if f" INDEX {index} ON " in rehearsal.schema_text]:
        raise VerificationFailed(f"invalid indexes in production: {listing(ours)}", indexes=ours)
    also = f" (not of this release, and invalid: {listing([name for name, _ in invalid])})" if invalid else ""
    if plan.ledger_after is not None:
        return f"the ledger holds exactly the {count(len(ledger.rows), 'row')} that the plan said{also}"
    return f"the ledger holds the plan's {count(len(plan.pending), 'row')}{also}"


def _rows_after(plan: Plan) -> str:
    if plan.ledger_after is not None:
        return f"hold exactly the {count(len(plan.ledger_after), 'row')} that the plan said"
    return f"end with exactly the {count(len(plan.pending), 'row')} of this plan"


def _schema(release: Release, plan: Plan, rehearsal: Rehearsal) -> str:
    found = production_schema(release, plan)
    lines = schema_difference(rehearsal.schema_text, found, "rehearsed schema", "production")
    if lines:
        raise VerificationFailed(
            "production's schema is not the rehearsed one (- rehearsed, + production):\n" + changed_lines(lines),
            hint="somebody changed the schema besides the migrations, in production or since the backup",
            difference=list(lines),
        )
    return "the schema equals the rehearsed one"
