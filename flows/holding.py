"""Holds an approved release until it may begin: a window opens, a freeze ends, production is calm; then looks again."""

import time
from datetime import timedelta

from flows import prefect_wait
from flows.checklist import Checklist
from tasks.gate.approval import Standing
from tasks.gate.manifest import Manifest
from tasks.gate.plan import Plan
from tasks.gate.wording import duration
from tasks.release import Release
from tasks.steps import ask, hold, recheck
from tasks.steps.hold import Held
from tasks.workshop import Workshop

POLL_SECONDS = 1.0  # between two looks at the record
LOOKS = 5  # at the record for one at production
SUSPENDED_FROM = timedelta(minutes=2)  # a deployed run that waits for longer gives its process back


def check_again_when_open(todo: Checklist, release: Release, workshop: Workshop, plan: Plan, backup: Manifest) -> None:
    """Wait until the release may begin, then look again at everything that the approval stands on.

    A backup that became too old is taken anew meanwhile, and a window may close while that takes its time: then it is
    waited for once more.

    Raises:
        Declined: the approval was withdrawn, or expired.
        Refused: something changed since the approval, or the window never opens.
        Busy, Fenced: another process took the release up while this one waited.
    """
    while True:
        if hold.what_holds(release, plan) is not None:
            todo.wait("Wait for the window", lambda: _wait(todo, release, workshop, plan), str)
        hold.clear(release)
        backup = _check_again(todo, release, workshop, plan, backup)
        if hold.what_holds(release, plan) is None:
            return


def _check_again(todo: Checklist, release: Release, workshop: Workshop, plan: Plan, backup: Manifest) -> Manifest:
    return todo.step("Check again", lambda: recheck.recheck(release, workshop, plan, backup), recheck.sentence)


def _wait(todo: Checklist, release: Release, workshop: Workshop, plan: Plan) -> str:
    """Wait until nothing holds the plan; costs no lock and no server, and may be stopped at any time.

    A deployed run is suspended while the moment is known and far: a process that waits for hours would be in the way
    of whoever wants to restart its worker.
    """
    workshop.let_go()
    began, said = time.monotonic(), False
    while (held := hold.what_holds(release, plan)) is not None:
        if hold.note(release, held, prefect_wait.reference()) or not said:
            todo.say(f"{held.sentence}; this process may be stopped and nothing is lost")
            todo.say(f"stop it: gate reject {release.id} --reason TEXT")
            todo.say(f"go on after a stop of this process: gate resume {release.id}")
            if held.until is not None and release.policy.approval.break_glass:
                todo.say(f"let it through, by two people: gate approve {release.id} --break-glass --reason TEXT")
            said = True
        if held.until is not None and held.until - release.now() > SUSPENDED_FROM and _suspended_can_be_woken(release):
            prefect_wait.suspend_until_open(release, plan, held)
        _look_at_the_record(todo, release, plan, held)
    workshop.take_lock()
    return f"waited {duration(time.monotonic() - began)}; nothing holds the release any more"


def _suspended_can_be_woken(release: Release) -> bool:
    return prefect_wait.waits_for(ask.heard(release).prefect)


def _look_at_the_record(todo: Checklist, release: Release, plan: Plan, held: Held) -> None:
    """Wait a while for whoever stops the release, or for the moment at which it may begin.

    Raises:
        Declined: the approval was withdrawn, or expired.
        Fenced: another process took the release up.
    """
    for _ in range(LOOKS):
        judgement = ask.standing(release, plan)
        if judgement.standing is not Standing.APPROVED:
            ask.settled(release, judgement)
        release.record.refuse_if_taken_over()
        todo.shown.progress(held.sentence, news=False)
        if held.until is not None and (judgement.break_glass or held.until <= release.now()):
            return
        time.sleep(POLL_SECONDS)
