"""The one message of a release in Slack, from its record: what a tired person needs for a yes or a no, on a phone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tasks.gate import wording
from tasks.gate.ask_state import AskStanding, AskState
from tasks.gate.model import Model
from tasks.gate.report_reading import Reading
from tasks.gate.report_text import left_out
from tasks.gate.slack_binding import Binding
from tasks.gate.slack_evidence import Row, database, evidence_rows
from tasks.gate.slack_press import APPROVE, REJECT
from tasks.gate.slack_text import (
    BUTTON,
    CONFIRM_BUTTON,
    CONFIRM_TEXT,
    CONFIRM_TITLE,
    CONTEXT,
    FIELD,
    HEADER,
    SECTION,
    TEXT,
    fit,
    fit_lines,
    markup,
    plain_text,
    safe,
    units,
)
from tasks.gate.story import HALTED, Story

PAIRS = 5  # a section holds 10 fields
Block = dict[str, Any]


class SlackMessage(Model):
    """What `chat.postMessage` and `chat.update` take."""

    text: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Shown:
    """Everything that the message is drawn from; the same record and binding give the same message."""

    reading: Reading
    story: Story
    ask: AskState
    binding: Binding | None = None  # without one, or once it is decided, there are no buttons
    slack_ids: Mapping[str, str] = field(default_factory=dict)  # a person's name -> Slack user id, from the policy
    on_call: str = ""  # usergroup id of whoever is called when a person is needed


def message(shown: Shown) -> SlackMessage:
    """The message as it is now: with buttons while an answer counts, without them ever after."""
    rows = evidence_rows(shown.reading, shown.ask)
    head, status = headline(shown), _status(shown)
    blocks: list[Block] = [
        {"type": "header", "text": plain_text(fit(head, HEADER))},
        {"type": "section", "text": markup(status.marked)},
        *_sections(rows),
        {"type": "context", "elements": [markup(_where_the_plan_is(shown))]},
    ]
    if asks(shown):
        blocks += [_buttons(shown), {"type": "context", "elements": [plain_text(fit(_by_hand(shown), CONTEXT))]}]
    return SlackMessage(text=_spoken(head, status.plain, rows, shown), blocks=tuple(blocks))


def help_wanted(shown: Shown) -> str:
    """What calls the people on call: an update of a message rings no telephone, so this is a message of its own."""
    call = mention_of(shown.on_call)
    said = fit(f"{headline(shown)}. {wording.sentence(shown.story.sentence)}", SECTION)
    return f"{call} {said}\nNext: `{fit(shown.story.next, 200)}`".strip()


def asks(shown: Shown) -> bool:
    """True while the message has buttons."""
    bound = shown.binding
    return shown.ask.standing is AskStanding.WAITING and bound is not None and bound.digest == shown.ask.digest


def replaced(shown: Shown) -> bool:
    """True for the message of a plan that the release does not ask for any more."""
    return shown.binding is not None and shown.binding.digest != shown.ask.digest


def headline(shown: Shown) -> str:
    """The first line: what is wanted of the reader, or what came of it."""
    what = _what(shown.reading)
    if shown.story.state == HALTED:
        return f"A person is needed now: {what}"
    if asks(shown):
        return f"Approve? {what}"
    if replaced(shown):
        return f"Replaced by a newer request: {what}"
    word = (shown.story.outcome or shown.story.state).replace("-", " ")
    return f"{word[:1].upper()}{word[1:]}: {what}"


def _what(reading: Reading) -> str:
    plan = reading.plan
    if plan is not None and plan.title:  # a rollback or a repair
        return f"{plan.title}, in {database(reading)}"
    counted = wording.count(len(plan.pending), "migration") if plan else "a release"
    return f"{counted} to {database(reading)}"


@dataclass(frozen=True)
class _Status:
    marked: str  # with Slack's formatting, of our own making
    plain: str


def _status(shown: Shown) -> _Status:
    """Where it stands: who is waited for and until when, or the last sentence of the record."""
    loud = "BREAK-GLASS. " if shown.ask.break_glass else ""
    said = loud + wording.sentence(shown.ask.sentence if asks(shown) else shown.story.sentence)
    lines, spoken = [fit(said, SECTION // 2)], [said]
    if asks(shown) and shown.ask.expires_at is not None:
        lines.append(f"Until {local(shown.ask.expires_at)}; silence is no answer.")
        spoken.append(f"Until {wording.moment(shown.ask.expires_at)}; silence is no answer.")
    if answered := [d for d in (*shown.ask.approved_by, shown.ask.rejected_by) if d is not None]:
        names = [f"{_verb(d.approved)} {_mention(d.who, shown)} {local(d.at)}" for d in answered[:PAIRS]]
        lines.append("; ".join(names))
    if shown.story.state == HALTED:
        lines.append(f"{mention_of(shown.on_call)} `{fit(shown.story.next, 200)}`".strip())
        spoken.append(f"Next: {shown.story.next}")
    return _Status("\n".join(lines), " ".join(spoken))


def _verb(approved: bool) -> str:  # noqa: FBT001
    return "Approved by" if approved else "Rejected by"


def _mention(who: str, shown: Shown) -> str:
    slack_id = shown.slack_ids.get(who) or (who.removeprefix("slack:") if who.startswith("slack:") else "")
    return f"<@{slack_id}>" if slack_id.isalnum() and slack_id.isascii() else fit(who, 80)


def mention_of(on_call: str) -> str:
    """The words that call a group; empty when the policy names none."""
    if not on_call:
        return ""
    return f"<!{on_call}>" if on_call in ("here", "channel") else f"<!subteam^{on_call}>"


def local(moment: datetime) -> str:
    """A moment in the reader's own time zone, with UTC for whoever cannot be asked."""
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{wording.moment(moment)}>"


def _sections(rows: tuple[Row, ...]) -> list[Block]:
    fields = [
        field
        for row in rows
        for field in (
            markup(f"*{row.label}*"),
            plain_text(fit_lines(row.lines, FIELD // 2, noun=row.noun, most=row.most, line_limit=row.line_limit)),
        )
    ]
    size = 2 * PAIRS
    return [{"type": "section", "fields": fields[i : i + size]} for i in range(0, len(fields), size)]


def _where_the_plan_is(shown: Shown) -> str:
    report = f"`gate report {safe(shown.reading.release)}`"
    digest = f"Plan digest `{shown.ask.digest or shown.story.digest}`" if shown.ask.digest or shown.story.digest else ""
    if shown.binding is not None and shown.binding.file:
        return f"{digest}\nThe whole plan: `{safe(shown.binding.file)}` in the thread, SHA-256 `{shown.binding.sha256}`"
    return f"{digest}\nThe whole plan: {report}".strip()


def _by_hand(shown: Shown) -> str:
    release = shown.reading.release
    return f"Without the buttons: gate approve {release}, or gate reject {release} --reason TEXT"


def _buttons(shown: Shown) -> Block:
    assert shown.binding is not None, "only with a binding there are buttons"
    target, release = shown.reading.target, shown.reading.release
    confirm = f"{_what(shown.reading)}, target {target}. Plan {shown.ask.digest[:12]}, release {release}."
    return {
        "type": "actions",
        "block_id": fit(f"gate {release} {shown.binding.id[:8]}", 255),
        "elements": [
            {
                "type": "button",
                "action_id": APPROVE,
                "style": "primary",
                "text": plain_text("Approve"),
                "value": shown.binding.id,
                "accessibility_label": fit(f"Approve the release to {target}", BUTTON),
                "confirm": {
                    "title": plain_text(fit(f"Change {target} now?", CONFIRM_TITLE)),
                    "text": plain_text(fit(confirm, CONFIRM_TEXT)),
                    "confirm": plain_text(fit(f"Yes, change {target}", CONFIRM_BUTTON)),
                    "deny": plain_text("Not now"),
                },
            },
            {
                "type": "button",
                "action_id": REJECT,
                "style": "danger",
                "text": plain_text("Reject"),
                "value": shown.binding.id,
                "accessibility_label": fit(f"Reject the release to {target}", BUTTON),
            },
        ],
    }


def _spoken(head: str, status: str, rows: tuple[Row, ...], shown: Shown) -> str:
    """The whole ask for a screen reader and a notification: all that they read is this text."""
    call = f"{mention_of(shown.on_call)} " if shown.story.state == HALTED and shown.on_call else ""
    first = [f"{call}{fit(head, HEADER)}", fit(status, 600)]
    plan = _where_the_plan_is(shown).replace("`", "").replace("\n", ". ")
    last = [plan, *([fit(_by_hand(shown), 300)] if asks(shown) else [])]
    room = TEXT - units("\n".join([*first, *last])) - 2
    said = [f"{row.label}: {_in_a_line(row)}" for row in rows]
    middle = fit_lines(said, room, noun="point", most=len(said), line_limit=500)
    return "\n".join([*first, middle, *last])


def _in_a_line(row: Row) -> str:
    rest = len(row.lines) - row.most
    said = [line.rstrip(".") for line in row.lines[: row.most]]
    return "; ".join([*said, *([left_out(rest, row.noun)] if rest > 0 else [])])
