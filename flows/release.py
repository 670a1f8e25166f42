"""The release: read `walk` like the checklist, top to bottom. Where it stops, `flows/carry.py` says what that means."""

from flows.attempt import apply_and_verify, way_back
from flows.checklist import Checklist
from flows.holding import check_again_when_open
from flows.waiting import decided, wait_for_decision
from flows.wish import Wish
from tasks.gate import report_markdown as shown
from tasks.gate.evidence import counts
from tasks.gate.outcome import Outcome, done, nothing_pending
from tasks.release import Release
from tasks.steps import ask, back_up, close, hold, plan, preflight, rehearse
from tasks.workshop import Workshop


def walk(todo: Checklist, release: Release, workshop: Workshop, wish: Wish) -> Outcome:
    """Take an open release to its end; every step asks the record first what is done already."""
    this = todo.step("Plan", lambda: plan.plan(release, workshop), plan.sentence, shown.plan_markdown)
    if not this.pending:
        return close.close(release, nothing_pending(release.target))
    found = todo.step("Preflight", lambda: preflight.preflight(release, workshop, this), counts, shown.checks_markdown)
    backup = todo.step("Back up", lambda: back_up.back_up(release, workshop), back_up.backup_sentence)
    proof = todo.step(
        "Prove the backup",
        lambda: back_up.prove_backup(release, workshop, backup),
        back_up.proof_sentence,
        shown.proof_markdown,
    )
    rehearsal = todo.step(
        "Rehearse",
        lambda: rehearse.rehearse(release, workshop, this, backup),
        rehearse.sentence,
        shown.rehearsal_markdown,
    )
    if not plan.touched_production(release):
        evidence = ask.evidence(this, found, backup, proof, rehearsal, hold.passes(release, this))
        todo.wait("Ask", lambda: wait_for_decision(todo, release, workshop, this, evidence, wish), decided)
        check_again_when_open(todo, release, workshop, this, backup)
    failure = apply_and_verify(todo, release, workshop, this, rehearsal, backup)
    if failure is not None:
        return way_back(todo, release, workshop, this, rehearsal, failure)
    return close.close(release, done(this))
