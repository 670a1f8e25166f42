"""Waits for a decision at whatever door there is; whatever was clicked or typed, only the record decides."""

import sys
import time

from flows import prefect_wait
from flows.checklist import Checklist
from flows.wish import Wish
from tasks.authors import authors
from tasks.gate.approval import Judgement, Request, Standing
from tasks.gate.errors import Refused
from tasks.gate.plan import Plan
from tasks.gate.ruling import Answer
from tasks.release import Release
from tasks.steps import ask
from tasks.steps.ask import Evidence
from tasks.steps.open import operator
from tasks.workshop import Workshop

POLL_SECONDS = 0.5
BY_THE_STARTER = "approved by the person who started it"


def wait_for_decision(
    todo: Checklist, release: Release, workshop: Workshop, plan: Plan, evidence: Evidence, wish: Wish
) -> Judgement:
    """The approval of this plan.

    Raises:
        Declined: rejected, or expired.
        Refused: the operator who said `--yes` may not approve.
        Busy, Fenced: another process took the release up while this one waited.
    """
    asked = ask.ask(
        release,
        plan,
        "\n".join(evidence.sentences),
        loses_data=evidence.loses_data,
        authors=authors(release, plan),
        prefect=prefect_wait.reference(),
    )
    judgement = ask.standing(release, plan)
    if judgement.standing is not Standing.WAITING:
        if prefect_wait.waits_for(ask.heard(release).prefect):
            prefect_wait.answer_late_form(release, plan, asked)
        return ask.settled(release, judgement)
    for line in evidence.sentences:
        todo.say(line)
    todo.say(f"digest {plan.digest}")
    if wish.yes:
        _say_yes(release, plan, wish.by)
    elif prefect_wait.waits_for(ask.heard(release).prefect):
        workshop.let_go()
        prefect_wait.suspend(release, plan, asked)
        workshop.take_lock()
    elif _at_a_terminal():
        _ask_here(release, plan)
    if _waits(release, plan):
        workshop.let_go()
        _poll(todo, release, plan, asked)
        workshop.take_lock()
    return ask.settled(release, ask.standing(release, plan))


def decided(judgement: Judgement) -> str:
    """The step in one sentence."""
    return judgement.sentence


def _say_yes(release: Release, plan: Plan, who: str) -> None:
    """`--yes`: the operator approves what they start, if they may.

    Raises:
        Refused: they may not.
    """
    ruling = ask.answer(release, plan, door="command-line", identity=who, comment=BY_THE_STARTER)
    if ruling.answer is Answer.REFUSED:
        raise Refused(ruling.sentence, hint=ruling.hint)
    if ruling.missing:
        release.say(ruling.sentence)


def _at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _ask_here(release: Release, plan: Plan) -> None:
    """Ask at the terminal: the target's name is typed, so that no habit of pressing Enter releases anything."""
    release.say(
        f"type the target's name ({release.target}) to approve, `no` to reject, or nothing to let others decide:"
    )
    while (typed := sys.stdin.readline().strip()) not in {release.target, "no", ""}:
        if not _waits(release, plan):
            return
        release.say(f"that is neither {release.target} nor no; nothing is decided yet, type it again:")
    if not typed:
        return
    ruling = ask.answer(release, plan, door="terminal", identity=operator(), approved=typed != "no")
    if not ruling.accepted or ruling.missing:
        release.say(ruling.sentence)


def _poll(todo: Checklist, release: Release, plan: Plan, asked: Request) -> None:
    until = asked.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    todo.say(f"waiting until {until}; this process may be stopped and nothing is lost")
    todo.say(f"approve: gate approve {release.id}")
    todo.say(f"reject: gate reject {release.id} --reason TEXT")
    shown = ""
    while (judgement := ask.standing(release, plan)).standing is Standing.WAITING:
        release.record.refuse_if_taken_over()  # or both processes would run for the lock once somebody approves
        if judgement.counted and judgement.sentence != shown:
            todo.say(shown := judgement.sentence)
        time.sleep(POLL_SECONDS)
        todo.shown.progress(f"waiting for approval until {until}", news=False)


def _waits(release: Release, plan: Plan) -> bool:
    return ask.standing(release, plan).standing is Standing.WAITING
