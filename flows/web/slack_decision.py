"""A press of a button, from what Slack says of it to one event in the record, or the reason why there is none."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from config.policy import Policy
from flows.wake import wake
from flows.web.serving import Serving
from flows.web.slack_place import Bound, SlackPlace
from flows.web.work import TooBusyError
from tasks.clients.slack import SlackError
from tasks.decide import decide
from tasks.gate.approval import Decision
from tasks.gate.errors import GateError
from tasks.gate.slack_person import stranger
from tasks.gate.slack_press import APPROVE, Press

PERSON_SECONDS = 3.0
PATIENCE_SECONDS = 5.0  # a store that is away for longer is not decided into behind the person's back

UNSURE = "whether your answer was recorded is not known; `gate status` and the message will show it"
TOO_EARLY = (
    "Slack has shown you this message a moment before the record names it: nothing was decided; press again in a few "
    "seconds, here or in the newer message should one take its place"
)
UNKNOWN = "this button belongs to no release that the gate knows; nothing was decided"

log = logging.getLogger("gate.web")


class Told(NamedTuple):
    """What the person is told, and whether their answer is in the record."""

    recorded: bool
    sentence: str


def deciding(serving: Serving, place: SlackPlace, press: Press, body_sha256: str) -> Told:
    """Check everything that was pressed against the record, ask Slack who that is, and decide once.

    Never raises: whatever goes wrong is said in the sentence, and then nothing was decided unless it says so.
    """
    begun = False
    try:
        bound = place.bound(press.id)
        if bound is None or (against := mismatch(press, bound, place.channel)):
            return Told(recorded=False, sentence=against if bound else UNKNOWN)
        if against := _not_one_of_us(place, press):
            return Told(recorded=False, sentence=f"{against}; nothing was decided")
        policy = serving.policy_now()
        begun = True
        return _decided(serving, place, press, bound, body_sha256, policy)
    except GateError as error:
        log.warning("a decision from Slack met a problem: %s", error.message)
        return Told(recorded=False, sentence=f"{error.message}{f': {UNSURE}' if begun else '; nothing was decided'}")
    except Exception as error:  # noqa: BLE001
        log.error("a decision from Slack met a defect: %s", type(error).__name__)  # noqa: TRY400 - values may be secret
        return Told(recorded=False, sentence=f"this met an error that nobody foresaw: {UNSURE}")


def mismatch(press: Press, bound: Bound, channel: str) -> str:
    """Why a press does not fit the message that its button was bound to; empty when it fits.

    A form has neither channel nor message: it was opened from a button that had both, by a value that only this
    message holds.
    """
    binding = bound.binding
    if binding.voided:
        return "this message was replaced by a newer one, whose buttons count; nothing was decided"
    if not binding.ts:
        return TOO_EARLY  # where its buttons are is not known yet, so neither is where they were pressed
    if binding.app and press.app != binding.app:  # one that Slack did not name is proved by its own signing secret
        return "the press came through another app; nothing was decided"
    if not press.team or press.team != binding.team:
        return "the press came from another workspace; nothing was decided"
    if press.user_team != binding.team:
        return "you are a member of another workspace; nothing was decided"
    where = (press.channel, press.message_ts)
    if where != (binding.channel, binding.ts) and press.action != "reason":
        return "the button was pressed outside the message that it was made for; nothing was decided"
    if binding.channel != channel:
        return "the message is not in the channel that is configured now; nothing was decided"
    return ""


def _not_one_of_us(place: SlackPlace, press: Press) -> str:
    """Why somebody may decide nothing, asked of Slack at this moment; empty when they may."""
    try:
        answer = place.slack.call("users.info", form={"user": press.user}, seconds=PERSON_SECONDS, attempts=2)
    except SlackError as error:
        return f"Slack does not say who you are ({error.message}), so press again or use `gate approve`"
    user = answer.get("user")
    if not isinstance(user, dict):
        return "Slack does not say who you are, so press again or use `gate approve`"
    reason = stranger(user, user_id=press.user, team=press.team)
    return f"you are {reason}" if reason else ""


def _decided(serving: Serving, place: SlackPlace, press: Press, bound: Bound, body_sha256: str, policy: Policy) -> Told:
    made = decide(
        serving.settings,
        policy,
        bound.release,
        door="slack",
        identity=press.user,
        approved=press.action == APPROVE,
        comment=press.reason,
        expect_digest=bound.binding.digest,
        facts={
            "team": press.team,
            "channel": bound.binding.channel,
            "message": bound.binding.ts,
            "action_ts": press.action_ts,
            "body_sha256": body_sha256,
        },
        store=serving.store,
        patience_seconds=PATIENCE_SECONDS,
    )
    place.changed.set()
    ruling = made.ruling
    if ruling.accepted and ruling.decision is not None:
        log.info("%s through Slack", ruling.sentence, extra={"release": bound.release})
        if not ruling.missing:
            _wake_behind(serving, made.prefect, ruling.decision)
    return Told(ruling.accepted, f"{ruling.sentence}. {ruling.hint}".rstrip(". ") if ruling.hint else ruling.sentence)


def _wake_behind(serving: Serving, prefect: Mapping[str, str] | None, decision: Decision) -> None:
    """Wake the run that waits, without letting the answer wait for Prefect; whoever reconciles does it otherwise."""
    try:
        serving.words.begin(lambda: wake(prefect, decision))
    except TooBusyError:
        log.warning("the run that waits in Prefect was not woken; the reconciler does it")
