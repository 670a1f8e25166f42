"""Looks after an open release that nobody carries any more: wakes it, takes it up, or names it to a person."""

import logging
from datetime import UTC, datetime

from config.policy import Policy
from config.settings import Settings
from flows.prefect_rest import PrefectApi
from flows.wake import wake
from tasks.clients.acting_lock import somebody_acts
from tasks.gate.approval import Decision
from tasks.gate.errors import GateError
from tasks.gate.hearing import hearing
from tasks.gate.reconcile import OF_TYPE, Deed, Finding, Run, Seen, judge
from tasks.gate.wording import between
from tasks.kill_points import reached
from tasks.record import Record
from tasks.steps.open import store_of
from tasks.target_log import TargetLog

SECONDS = 5.0  # for one answer of Prefect
EVERY_SECONDS = 15.0

log = logging.getLogger("gate.reconcile")


class Reconciler:
    """Remembers what it did, so that one event of a release is answered once; a new one starts with nothing known."""

    def __init__(self, settings: Settings, policy: Policy, *, api: str) -> None:
        """Touch nothing.

        Args:
            settings: the target and its store; production's address, where this process has it, tells who acts.
            policy: names the maintenance database, in which the lock is looked for.
            api: the Prefect API; empty where there is none, and then nothing is woken or taken up.
        """
        self._settings = settings
        self._policy = policy
        self._api = api
        self._answered: set[tuple[str, str]] = set()

    def look(self) -> Finding | None:
        """Look at the open release of the target, and do what is to be done; None when no release is open.

        Raises:
            GateError: the store cannot be reached, or the record is damaged.
        """
        reached("reconcile:look")
        store, target = store_of(self._settings), self._settings.target
        current = TargetLog(store, target).current()
        if current is None or not Record.exists(store, target, current):
            return None
        record = Record.open(store, target, current)
        now = datetime.now(UTC)
        story = record.story(now)
        reference = _reference(record)
        seen = Seen(
            story=story,
            run=self._run(reference.get("flow_run", "")),
            quiet_seconds=between(story.latest_at, now.isoformat()) or 0.0,
            acting=self._acting,
            due=bool(story.holds_until) and (between(story.holds_until, now.isoformat()) or 0.0) >= 0.0,
        )
        finding = judge(seen)
        key = (current, f"{story.latest_at} {finding.deed}")
        if finding.deed is Deed.NOTHING or key in self._answered:
            return finding
        done, said = self._act(finding, record, reference)
        if done:  # what failed is tried again at the next look
            self._answered.add(key)
        finding = finding.model_copy(update={"sentence": f"{finding.sentence}{said}"})
        log.warning("%s: %s", current, finding.sentence, extra={"release": current, "target": target})
        return finding

    def _act(self, finding: Finding, record: Record, reference: dict[str, str]) -> tuple[bool, str]:
        """Do it; returns whether that worked, and what to add to the sentence."""
        if finding.deed is Deed.WAKE:
            woken = _wake(record, {"api": self._api, **reference})
            return woken, ": its run was woken" if woken else ": its run could not be woken"
        if finding.deed is Deed.TAKE_UP and self._api:
            return self._take_up(finding.release, record.events[-1].number)
        return True, ""

    def _take_up(self, release: str, number: int) -> tuple[bool, str]:
        """Start the recover deployment; the same event of the same release gives the same run, whoever asks."""
        try:
            api = PrefectApi(self._api, seconds=SECONDS)
            run = api.start(f"recover/{self._settings.target}", {"take_up": release}, key=f"recover:{release}:{number}")
        except GateError as error:
            return False, f": {error.message}"
        return True, f": run {run} takes it up"

    def _run(self, run: str) -> Run:
        if not run:
            return Run.NONE
        if not self._api:
            return Run.UNKNOWN
        state = PrefectApi(self._api, seconds=SECONDS).state(run)
        return OF_TYPE.get(state.type, Run.UNKNOWN) if state else Run.UNKNOWN

    def _acting(self) -> bool | None:
        url = self._settings.production_url
        if url is None:
            return None
        return somebody_acts(
            url, self._settings.target, maintenance_database=self._policy.recovery.maintenance_database
        )


def _reference(record: Record) -> dict[str, str]:
    """The run that carries the release: the one that waits, else the one that opened it."""
    opened, waiting = record.last("opened"), hearing(record.events).prefect
    if waiting.get("flow_run"):
        return dict(waiting)
    return {"flow_run": str(opened.body.get("flow_run") or "")} if opened else {}


def _wake(record: Record, reference: dict[str, str]) -> bool:
    """Resume the run; it asks the record, so what is typed into its form here decides nothing."""
    decided = record.last("approved") or record.last("rejected")
    if decided is not None:
        return bool(wake(reference, Decision.model_validate(decided.body)))
    answer = {"decision": "reject", "your_name": "gate", "comment": "nobody decided in time"}
    return PrefectApi(reference["api"], seconds=SECONDS).resume(reference["flow_run"], answer)
