"""Tested in staging: every pending migration ran there, with exactly the content that production will get."""

from tasks.gate.plan import PlannedMigration, State
from tasks.gate.wording import count, listing
from tasks.preflight.check import Answer, Check, failed, passed
from tasks.preflight.question import Question
from tasks.tool import tool

SAYS = {
    State.PENDING: "has not run on staging",
    State.EDITED: "ran on staging with other content",
    State.RESTAMPED: "ran on staging under another time",
    State.RENAMED: "ran on staging under another name",
    State.SKIPPED: "was skipped on staging: Drizzle will never run it there",
}
MEND = {
    State.PENDING: "release to staging first, watch it there, then come back",
    State.EDITED: "never edit a migration that has run: undo the edit, and put the change into a new migration",
}


def ask(question: Question) -> Answer:
    """Compare staging's ledger with the files of the pending migrations.

    Without a staging URL this is the one check that fails, so that one waiver says it all.
    """
    staging = question.staging()
    if staging is None:
        return failed(
            "no staging database is set, so nothing shows that this release ran anywhere",
            hint="set GATE_STAGING_URL, or --waive staging-ledger --reason TEXT",
        )
    plan = question.plan
    using = tool(plan.tool)
    ledger = using.read_ledger(staging, plan.ledger_schema, plan.ledger_table)
    if not ledger.exists:
        return failed(
            f"staging has no migrations table {plan.ledger_schema}.{plan.ledger_table}: no migration ever ran there",
            hint="check GATE_STAGING_URL and GATE_MIGRATIONS_SCHEMA, or release to staging first",
        )
    seen, _, _ = using.states(question.folder, ledger, int(question.now.timestamp() * 1000))
    return _judge(seen, {m.tag for m in plan.pending})


def _judge(seen: tuple[PlannedMigration, ...], releasing: set[str]) -> Answer:
    here = {m.tag: m for m in seen if m.tag in releasing}
    bad = [m for m in here.values() if m.state is not State.APPLIED]
    others = [f"{m.tag}: {m.sentence or m.state}" for m in seen if m.tag not in here and m.state is not State.APPLIED]
    if not bad:
        if not releasing:
            return passed("nothing is pending", others)
        return passed(f"{count(len(here), 'pending migration')} ran on staging with the same content", others)
    lines = [f"{m.tag} {SAYS.get(m.state, f'is {m.state} on staging')}" for m in bad]
    worst = next((m for m in bad if m.state is State.EDITED), bad[0])
    return failed(listing(lines, limit=3), [*lines, *others], hint=MEND.get(worst.state, "mend staging's ledger first"))


CHECK = Check("staging-ledger", "Tested in staging, with the same content", ask, releases_only=True)
