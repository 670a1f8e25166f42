"""Waits for a decision at whatever door there is; whatever was clicked or typed, only the record decides."""

import sys
import time

from flows import prefect_view, prefect_wait
from flows.checklist import Checklist
from flows.wish import Wish
from tasks.gate.approval import Decision, Request, Standing
from tasks.gate.errors import GateError
from tasks.gate.plan import Plan
from tasks.release import Release
from tasks.steps import ask
from tasks.steps.open import operator
from tasks.workshop import Workshop

POLL_SECONDS = 0.5
BY_THE_STARTER = "approved by the person who started it"


def wait_for_decision(
    todo: Checklist, release: Release, workshop: Workshop, plan: Plan, evidence: list[str], wish: Wish
) -> Decision:
    """The approval of this plan.

    Raises:
        Declined: rejected, or expired.
        Refused: the operator who said `--yes` may not approve.
        Busy, Fenced: another process took the release up while this one waited.
    """
    request = ask.ask(release, plan, "\n".join(evidence), prefect=prefect_wait.reference())
    judgement = ask.standing(release, plan)
    if judgement.standing is not Standing.WAITING:
        return ask.settled(release, judgement)
    for line in evidence:
        todo.say(line)
    todo.say(f"digest {plan.digest}")
    if wish.yes:
        _decide(release, _decision(release, plan, wish.by, "command-line", comment=BY_THE_STARTER))
    elif prefect_view.deployed():
        workshop.let_go()
        prefect_wait.suspend(release, request)
        workshop.take_lock()
    elif _at_a_terminal():
        _ask_here(release, plan)
    if _waits(release, plan):
        workshop.let_go()
        _poll(todo, release, plan, request)
        workshop.take_lock()
    return ask.settled(release, ask.standing(release, plan))


def decided(decision: Decision) -> str:
    """The step in one sentence."""
    comment = f": {decision.comment}" if decision.comment else ""
    return f"approved by {decision.who} ({decision.door}){comment}"


def _decision(
    release: Release, plan: Plan, who: str, door: str, *, approved: bool = True, comment: str = ""
) -> Decision:
    return Decision(approved=approved, digest=plan.digest, who=who, door=door, comment=comment, at=release.now())


def _decide(release: Release, decision: Decision) -> None:
    against = ask.may_decide(release, decision.who, decision.door, approved=decision.approved)
    ask.decide(release.record, decision, policy_objection=against)


def _at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _ask_here(release: Release, plan: Plan) -> None:
    """Ask at the terminal: the target's name is typed, so that no habit of pressing Enter releases anything."""
    release.say(f"type the target's name ({release.target}) to approve, or `no` to reject:")
    answer = sys.stdin.readline().strip()
    if answer not in {release.target, "no"}:
        return
    try:
        _decide(release, _decision(release, plan, operator(), "terminal", approved=answer != "no"))
    except GateError as error:
        release.say(str(error))


def _poll(todo: Checklist, release: Release, plan: Plan, request: Request) -> None:
    until = request.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    todo.say(f"waiting until {until}; this process may be stopped and nothing is lost")
    todo.say(f"approve: gate approve {release.id}    reject: gate reject {release.id} --reason TEXT")
    while _waits(release, plan):
        release.record.refuse_if_taken_over()  # or both processes would run for the lock once somebody approves
        time.sleep(POLL_SECONDS)
        todo.shown.progress(f"waiting for approval until {until}")


def _waits(release: Release, plan: Plan) -> bool:
    return ask.standing(release, plan).standing is Standing.WAITING
