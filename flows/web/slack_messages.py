"""Keeps Slack showing what the record says: posts the ask, updates it as the release goes on, calls for help once."""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flows.web.serving import Serving
from flows.web.slack_drawing import Drawing, drawing, whole_plan
from flows.web.slack_place import SlackPlace
from tasks.clients.event_chain import EventChain
from tasks.clients.slack import SlackError, SlackRefused
from tasks.gate.errors import GateError
from tasks.gate.slack_binding import Binding, bindings, current, paged
from tasks.gate.slack_message import help_wanted
from tasks.gate.story import HALTED
from tasks.gate.wording import parse_moment
from tasks.kill_points import reached
from tasks.record import Record
from tasks.slack_posting import claim, file_plan, page, post, void

POLL_SECONDS = 1.5
SHORT_PAUSE, LONG_PAUSE = 2.0, 60.0  # between tries while Slack or the store is away
REDRAW_SECONDS = 30.0
RECENT_SECONDS = 3600.0  # a release that ended earlier was shown by whoever ran then

log = logging.getLogger("gate.web")


@dataclass
class Followed:
    """A release whose message this process keeps."""

    record: Record
    drawn: int = 0  # events that the message shows
    redraw_at: float = 0.0  # when it is drawn again though nothing was written: the ask expires, the policy changes
    mine: Binding | None = None  # claimed by this process, not posted yet
    shown: dict[str, str] = field(default_factory=dict)  # message id -> digest of what Slack shows
    filed: set[str] = field(default_factory=set)  # ids of messages whose plan was tried to be filed
    next_try: float = 0.0
    pause: float = SHORT_PAUSE
    done: bool = False


class SlackMessages:
    """One thread's work; a second replica does the same, and the record settles who posts."""

    def __init__(self, serving: Serving, place: SlackPlace) -> None:
        """Touches nothing."""
        self._serving = serving
        self._place = place
        self._log = EventChain(serving.store, f"{serving.settings.target}/log/")
        self._loaded = False
        self._new: set[str] = set()  # releases that the log names
        self._followed: dict[str, Followed] = {}

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop; nothing that happens here ends it."""
        while not stop.is_set():
            try:
                self.look()
            except GateError as error:
                log.warning("the record cannot be followed for Slack: %s", error.message)
            except Exception as error:  # noqa: BLE001
                log.error("the messages in Slack met a defect: %s", type(error).__name__)  # noqa: TRY400 - values may be secret
            self._place.changed.wait(POLL_SECONDS)
            self._place.changed.clear()

    def look(self) -> None:
        """Find out what is new, and bring every message up to date.

        Raises:
            GateError: the store cannot be read.
        """
        reached("slack:look")
        self._find()
        for followed in list(self._followed.values()):
            if time.monotonic() < followed.next_try:
                continue
            try:
                self._bring_up_to_date(followed)
                followed.pause = SHORT_PAUSE
            except SlackError as error:
                self._serving.measures.slack_failures.labels("message").inc()
                log.warning("%s", error.message, extra={"release": followed.record.release})
                followed.next_try = time.monotonic() + followed.pause
                followed.pause = min(LONG_PAUSE, followed.pause * 2)
                ended = followed.record.last("closed")
                followed.done = ended is not None and not _recent(ended.at)
            if followed.done:
                del self._followed[followed.record.release]

    def _find(self) -> None:
        if self._loaded:
            entries = [event for event, _ in self._log.read_newer()]
        else:
            self._log.load(newest=4)
            self._loaded = True
            last = self._log.events[-1:]
            entries = [e for e in self._log.events if _recent(e.at) or (e in last and e.kind == "open")]
        self._new |= {str(entry.body.get("release", "")) for entry in entries} - set(self._followed)
        for release in sorted(self._new):  # the log names a release a moment before its record begins
            if Record.exists(self._serving.store, self._target, release):
                self._followed[release] = Followed(Record.open(self._serving.store, self._target, release))
        self._new -= set(self._followed)

    @property
    def _target(self) -> str:
        return self._serving.settings.target

    def _bring_up_to_date(self, followed: Followed) -> None:
        record = followed.record
        record.refresh()
        if len(record.events) == followed.drawn and time.monotonic() < followed.redraw_at:
            return
        now = datetime.now(UTC)
        drawn = drawing(record, self._target, self._serving.policy_now(), now)
        self._place.remember(record)
        self._void_what_was_lost(followed, now)
        seen = len(record.events)
        if drawn.ask.open and (current(bindings(record.events), drawn.ask.digest) is None or followed.mine):
            self._post(followed, drawn)
        if drawn.story.state == HALTED:
            self._call_for_help(followed, drawn)
        for binding in bindings(record.events):
            if binding.ts:
                self._update(followed, drawn, binding)
        if len(record.events) != seen:
            return  # something was written meanwhile: the next look shows it
        if record.last("closed") is not None:
            followed.done = self._known_to_all(record, drawn)
        followed.drawn, followed.redraw_at = len(record.events), time.monotonic() + _until_redrawn(drawn, now)

    def _void_what_was_lost(self, followed: Followed, now: datetime) -> None:
        found = bindings(followed.record.events)
        given_up = sum(binding.voided for binding in found)
        for binding in found:
            mine = followed.mine is not None and followed.mine.id == binding.id
            if binding.lost(now, given_up) and not mine:
                void(followed.record, binding, "whoever posted it is not heard of any more")

    def _post(self, followed: Followed, drawn: Drawing) -> None:
        record = followed.record
        room = self._place.room()
        if followed.mine is None or followed.mine.digest != drawn.ask.digest:
            followed.mine = claim(record, room, drawn.ask.digest, drawn.ask.expires_at)
        if followed.mine is None:
            return
        mine, followed.mine = followed.mine, None
        try:
            posted = post(record, self._place.slack, room, mine, drawn.message(mine))
        except SlackError:
            if not any(b.id == mine.id and b.voided for b in bindings(record.events)):
                followed.mine = mine  # it was surely not posted, so its id is still good
            raise
        self._place.remember(record)
        if posted is not None:
            followed.shown[posted.id] = drawn.fingerprint(posted)
            log.info("the ask is in Slack", extra={"release": record.release})

    def _update(self, followed: Followed, drawn: Drawing, binding: Binding) -> None:
        if drawn.ask.open and not binding.file and binding.id not in followed.filed:
            followed.filed.add(binding.id)
            self._file(followed.record, drawn, binding)
            binding = next(b for b in bindings(followed.record.events) if b.id == binding.id)
        wanted = drawn.fingerprint(binding)
        if followed.shown.get(binding.id) == wanted:
            return
        if followed.record.refresh():  # another replica may show more already: never put older words over newer ones
            self._place.changed.set()
            return
        body = {"channel": binding.channel, "ts": binding.ts, **drawn.message(binding).model_dump()}
        try:
            self._place.slack.call("chat.update", body=body)
        except SlackRefused as refused:
            self._serving.measures.slack_failures.labels("update").inc()
            log.warning("%s", refused.message, extra={"release": followed.record.release})
            self._say_in_the_thread(binding, drawn)
        followed.shown[binding.id] = wanted

    def _say_in_the_thread(self, binding: Binding, drawn: Drawing) -> None:
        """A message that cannot be changed gets an answer below it, so that nobody believes its buttons."""
        body = {"channel": binding.channel, "thread_ts": binding.ts, "text": drawn.message(binding).text}
        with contextlib.suppress(SlackRefused):  # the message was deleted: there is nothing left to believe
            self._place.slack.call("chat.postMessage", body={**body, "unfurl_links": False, "unfurl_media": False})

    def _file(self, record: Record, drawn: Drawing, binding: Binding) -> None:
        plan = whole_plan(record, self._target, drawn.story)
        try:
            file_plan(record, self._place.slack, binding, plan.name, plan.content, plan.sha256)
        except SlackError as error:  # the message says how to get it instead
            self._serving.measures.slack_failures.labels("file").inc()
            log.warning("%s", error.message, extra={"release": record.release})

    def _known_to_all(self, record: Record, drawn: Drawing) -> bool:
        """True once whoever looks at the channel sees the end; False while a message may still be on its way.

        Of a message that Slack never named to us, its buttons may stand there for ever: the end then comes by itself.
        """
        found = bindings(record.events)
        if any(not binding.ts and not binding.voided for binding in found):
            return False
        unseen = found and not any(binding.ts for binding in found)
        if unseen and not paged(record.events, drawn.story.sentence):
            words = drawn.message(found[-1]).text
            page(record, self._place.slack, self._place.channel, "", words, drawn.story.sentence)
        return True

    def _call_for_help(self, followed: Followed, drawn: Drawing) -> None:
        record, reason = followed.record, drawn.story.sentence
        if paged(record.events, reason):
            return
        posted = [binding for binding in bindings(record.events) if binding.ts]
        channel, thread = (posted[-1].channel, posted[-1].ts) if posted else (self._place.channel, "")
        words = help_wanted(drawn.shown(None))
        try:
            page(record, self._place.slack, channel, thread, words, reason)
        except SlackRefused:  # the thread is gone, perhaps with its message; the channel is still there
            page(record, self._place.slack, self._place.channel, "", words, reason)


def _until_redrawn(drawn: Drawing, now: datetime) -> float:
    """Seconds for which the message stays true while nothing is written."""
    if not drawn.ask.open or drawn.ask.expires_at is None:
        return REDRAW_SECONDS
    return min(REDRAW_SECONDS, max(0.0, (drawn.ask.expires_at - now).total_seconds()))


def _recent(at: str) -> bool:
    moment = parse_moment(at)
    return moment is not None and (datetime.now(UTC) - moment).total_seconds() < RECENT_SECONDS
