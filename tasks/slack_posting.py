"""Posts the message of a release: first the intent in the record, then the message, then what Slack calls it."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from tasks.clients.slack import Slack, SlackAway, SlackRefused
from tasks.gate.chain import Event
from tasks.gate.errors import Refused
from tasks.gate.slack_binding import KIND, Binding, Note, bindings, current
from tasks.gate.slack_message import SlackMessage
from tasks.record import Record

ID_BYTES = 32


class Room(NamedTuple):
    """The channel, and who we are in it."""

    channel: str
    team: str
    app: str


def room(slack: Slack, channel: str) -> Room:
    """Ask Slack who we are, and refuse a channel that strangers read.

    Raises:
        SlackRefused, SlackAway: Slack does not say.
        Refused: the channel is shared with another organisation.
    """
    me = slack.call("auth.test", form={})
    app = str(me.get("app_id") or "")
    if not app and me.get("bot_id"):
        app = str(_told(slack, "bots.info", "bot", bot=str(me["bot_id"])).get("app_id") or "")
    found = _told(slack, "conversations.info", "channel", channel=channel)
    if found.get("is_ext_shared") or found.get("is_pending_ext_shared"):
        raise Refused(
            f"channel {channel} is shared with another organisation, so no release is put there",
            hint="set GATE_SLACK_CHANNEL to a private channel of your own",
        )
    return Room(channel, str(me.get("team_id") or ""), app)


def _told(slack: Slack, method: str, what: str, **form: str) -> Mapping[str, Any]:
    """What Slack says of something; nothing where it refuses to, which `gate doctor` explains.

    Raises:
        SlackAway: Slack does not answer.
    """
    try:
        found = slack.call(method, form=form).get(what)
    except SlackRefused:
        return {}
    return found if isinstance(found, dict) else {}


def claim(record: Record, room: Room, digest: str, expires_at: datetime | None) -> Binding | None:
    """Write down that this process posts the message for a plan; None when another one does, or did."""
    note = Note(
        step="posting",
        id=secrets.token_urlsafe(ID_BYTES),
        sentence=f"a message for plan {digest[:12]} goes to Slack",
        digest=digest,
        channel=room.channel,
        expires_at=expires_at,
    )

    def free(events: tuple[Event, ...]) -> Note | None:
        over = any(event.kind == "closed" for event in events)
        return None if over or current(bindings(events), digest) else note

    if record.append_if(KIND, free) is None:
        return None
    return next(b for b in bindings(record.events) if b.id == note.id)


def post(record: Record, slack: Slack, room: Room, binding: Binding, message: SlackMessage) -> Binding | None:
    """Post the message that was claimed; None when it was given up meanwhile.

    A post that may or may not have arrived is voided: its buttons count for nothing, and the next one has a new id.

    Raises:
        SlackRefused, SlackAway: it was not posted, or it was voided.
    """
    try:
        answer = slack.call(
            "chat.postMessage",
            body={"channel": room.channel, "unfurl_links": False, "unfurl_media": False, **message.model_dump()},
            twice_is_harmless=False,
        )
    except SlackAway as away:
        if away.may_have_acted:
            void(record, binding, away.message)
        raise
    posted = answer.get("message")
    app = str(posted.get("app_id") or "") if isinstance(posted, dict) else ""
    note = Note(
        step="posted",
        id=binding.id,
        sentence=f"the message for plan {binding.digest[:12]} is in Slack",
        ts=str(answer.get("ts") or ""),
        team=room.team,
        app=room.app or app,
    )
    record.append_if(KIND, _if(binding.id, note, lambda found: not found.ts and not found.voided))
    return next((b for b in bindings(record.events) if b.id == binding.id and b.ts), None)


def void(record: Record, binding: Binding, why: str) -> None:
    """Make the buttons of a message that may have arrived count for nothing; a posted one stays as it is."""
    note = Note(step="voided", id=binding.id, sentence=f"the message is void and is posted anew: {why}")
    record.append_if(KIND, _if(binding.id, note, lambda found: not found.ts and not found.voided))


def file_plan(record: Record, slack: Slack, binding: Binding, name: str, content: bytes, sha256: str) -> None:
    """Put the whole plan into the message's thread, and its checksum into the record.

    Raises:
        SlackRefused, SlackAway: it is not there; the message then names the command that shows it.
    """
    slack.upload(name, content, channel=binding.channel, thread=binding.ts)
    note = Note(step="filed", id=binding.id, sentence=f"the plan is in Slack as {name}", file=name, sha256=sha256)
    record.append_if(KIND, _if(binding.id, note, lambda found: not found.file))


def page(record: Record, slack: Slack, channel: str, thread: str, text: str, reason: str) -> None:
    """Call the people on call, then write down that they were; twice is better than not at all.

    Raises:
        SlackRefused, SlackAway: nobody was called.
    """
    body = {"channel": channel, "text": text, "unfurl_links": False, "unfurl_media": False}
    slack.call("chat.postMessage", body={**body, "thread_ts": thread, "reply_broadcast": True} if thread else body)
    note = Note(step="paged", id="", sentence=reason)
    record.append_if(KIND, lambda _events: note)


def _if(binding_id: str, note: Note, holds: Callable[[Binding], bool]) -> Callable[[tuple[Event, ...]], Note | None]:
    def judge(events: tuple[Event, ...]) -> Note | None:
        found = next((b for b in bindings(events) if b.id == binding_id), None)
        return note if found is not None and holds(found) else None

    return judge
