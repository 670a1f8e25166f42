"""Carries a release from any door to its end: opens or takes it up, walks the checklist, settles what stopped it."""

from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime

from config.settings import Settings
from flows import prefect_view
from flows.attempt import halt
from flows.checklist import Checklist
from flows.defect import unexpected
from flows.release import walk
from flows.restoring import bring_back, is_restore
from flows.wish import Wish
from tasks import bundle
from tasks.clients.object_store import ObjectStore
from tasks.gate.bundle import Bundle
from tasks.gate.errors import Busy, ConfigurationError, Fenced, GateError, NotRecovered, Refused
from tasks.gate.identity import Identity
from tasks.gate.outcome import Outcome
from tasks.gate.story import Story
from tasks.kill_points import reached
from tasks.preflight import accept_waivers
from tasks.record import Record
from tasks.release import Release
from tasks.steps import close, open, sweep
from tasks.steps.plan import touched_production
from tasks.target_log import TargetLog
from tasks.tool import tool_of
from tasks.workshop import Workshop, look

UNTOUCHED = "production was not touched"


def carry(todo: Checklist, wish: Wish) -> Outcome:
    """Start a release, or take one up, and follow it to its end.

    Raises:
        ConfigurationError, Refused, Busy: nothing was started, and nothing changed.
    """
    reached("carry:begin")
    accept_waivers(wish.policy, wish.waivers)
    store = open.store_of(wish.settings)
    with ExitStack() as closing:
        outcome = _carry(todo, _with_its_files(wish, store, closing), store)
    todo.ended(outcome)
    return outcome


def _carry(todo: Checklist, wish: Wish, store: ObjectStore) -> Outcome:
    if not wish.take_up:
        tool_of(wish.settings).read_folder(
            wish.settings.migrations
        )  # a wrong folder is a slip of the pen, and opens no release
    with Workshop(wish.settings, wish.policy, _identity(wish, store)) as workshop:
        workshop.take_lock()
        if wish.take_up:
            return _finish(todo, open.take_up(wish.settings, wish.policy, store, wish.take_up), workshop, wish)
        _settle_earlier(todo, wish, store, workshop)
        release = todo.step("Open the release", lambda: _open(wish, store, workshop), lambda r: opened(r, workshop))
        return _finish(todo, release, workshop, wish)


def _with_its_files(wish: Wish, store: ObjectStore, closing: ExitStack) -> Wish:
    """The same wish, with folders that hold the files which the trigger sent.

    Raises:
        Refused: this machine has other files than CI saw.
    """
    settings = wish.settings
    if not wish.take_up:
        settings = bundle.as_sent(settings, store, wish.bundle, closing)
    elif Record.exists(store, settings.target, wish.take_up):
        begun = Record.open(store, settings.target, wish.take_up).last("opened")
        sent = begun.body.get("bundle") if begun else None
        with suppress(Refused):  # the digest of the recorded plan decides, and a recovery needs no file
            settings = bundle.as_sent(settings, store, Bundle.model_validate(sent) if sent else None, closing)
    return replace(wish, settings=settings)


def opened(release: Release, workshop: Workshop) -> str:
    """Step 1 in one sentence."""
    here = workshop.identity
    return f"{release.id}: {here.database}, PostgreSQL {here.server_version}, cluster {here.system_identifier}"


def _identity(wish: Wish, store: ObjectStore) -> Identity:
    """Which database production is: asked of itself, or of the record where a swap that was cut off left it closed."""
    try:
        return look(wish.settings)
    except ConfigurationError:
        current = TargetLog(store, wish.settings.target).current()
        if current is None or not Record.exists(store, wish.settings.target, current):
            raise
        record = Record.open(store, wish.settings.target, current)
        begun = record.last("opened")
        if begun is None or record.last("swapping") is None:
            raise
        return Identity.model_validate(begun.body["identity"])


def _open(wish: Wish, store: ObjectStore, workshop: Workshop) -> Release:
    return open.open_new(
        wish.settings,
        wish.policy,
        store,
        workshop.identity,
        by=wish.by,
        door=wish.door,
        waivers=wish.waivers,
        now=datetime.now(UTC),
        flow_run=prefect_view.flow_run_id(),
        bundle=wish.bundle,
        purpose=wish.purpose,
        subject=wish.subject,
    )


def _finish(todo: Checklist, release: Release, workshop: Workshop, wish: Wish) -> Outcome:
    """Walk the checklist, and give every way of stopping its meaning."""
    todo.follow(release)
    wish.announce(release.id)
    if ended := release.record.last("closed"):
        return close.close(release, Outcome.model_validate(ended.body))
    open.same_target(release, workshop.identity)  # wrong settings of this process must neither end nor halt a release
    try:
        sweep.sweep(release)
        if is_restore(release):
            return bring_back(todo, release, workshop)
        return walk(todo, release, workshop, wish)
    except (Fenced, Busy):
        raise
    except NotRecovered as error:
        return halt(release, error, error)
    except GateError as error:
        return _stopped(todo, release, error)
    except Exception as error:  # noqa: BLE001
        return _stopped(todo, release, unexpected(error))
    except BaseException as stop:  # Ctrl-C, the end of the process, and how Prefect cancels a run
        if not prefect_view.is_pause(stop):
            _note(release, "interrupted")
            if not touched_production(release):
                stop.add_note(UNTOUCHED)  # so that the last line can say in which state production is
        raise


def _stopped(todo: Checklist, release: Release, error: GateError) -> Outcome:
    """A stop before production was touched ends the release; later it halts it."""
    if touched_production(release):
        return halt(release, error, error)
    if error.hint:
        todo.say(f"HINT: {error.hint}")
    return close.close_refused(release, error)


def _settle_earlier(todo: Checklist, wish: Wish, store: ObjectStore, workshop: Workshop) -> None:
    """A release that died does not block the next one for ever: find out what it did, finish or undo it, say so.

    Raises:
        Busy: the earlier release waits for a person, or is halted.
        NotRecovered: it was dead, and production could not be brought back.
    """
    earlier = TargetLog(store, wish.settings.target).current()
    if earlier is None:
        return
    if not Record.exists(store, wish.settings.target, earlier):
        TargetLog(store, wish.settings.target).close(earlier, "interrupted", "it never began")
        return
    record = Record.open(store, wish.settings.target, earlier)
    story = record.story()
    _must_be_dead(earlier, story, record)
    todo.shown.plain(f"  an earlier release did not end: {earlier} ({story.sentence})")
    release = open.take_up(wish.settings, wish.policy, store, earlier)
    if not touched_production(release) and release.record.last("closed") is None:
        outcome = close.close(release, _never_touched(story))
    else:
        outcome = _finish(todo, release, workshop, wish)
    workshop.restored = None
    if outcome.exit_code == 6:  # noqa: PLR2004
        raise NotRecovered(  # not Busy: it was halted just now, and nobody was called yet
            f"release {earlier} is halted: {outcome.sentence}", hint=f"look at production, then gate resume {earlier}"
        )
    todo.shown.plain(f"  it is settled: {outcome.sentence}\n")


def _never_touched(story: Story) -> Outcome:
    if story.state == "expired":
        return Outcome(outcome="expired", sentence=story.sentence, exit_code=4)
    sentence = f"interrupted while {story.state}; production was never touched"
    return Outcome(outcome="interrupted", sentence=sentence, exit_code=3)


def _must_be_dead(earlier: str, story: Story, record: Record) -> None:
    asked = record.last("asked")
    if story.state == "approved" and asked is not None and asked.body.get("prefect"):
        raise Busy(
            f"release {earlier} is approved, and its run in Prefect is about to go on: {story.sentence}",
            hint=f"gate resume {earlier} goes on with it here, should nobody else",
        )
    if story.state == "waiting for approval":
        raise Busy(
            f"release {earlier} waits for approval: {story.sentence}",
            hint=f"gate approve {earlier}, gate reject {earlier} --reason TEXT, or gate resume {earlier}",
        )
    if story.state == "waiting for the window":
        raise Busy(
            f"release {earlier} is approved and waits: {story.sentence}",
            hint=f"gate resume {earlier} waits on for it, gate reject {earlier} --reason TEXT stops it",
        )
    if story.state == "halted":
        raise Busy(
            f"release {earlier} is halted: {story.sentence}",
            hint=f"look at production, then gate resume {earlier}",
        )


def _note(release: Release, sentence: str) -> None:
    """Leave a word in the record if that is still possible; the process ends either way."""
    if release.record.last("closed") is not None:
        return
    try:
        release.record.append("noted", {"sentence": sentence})
    except GateError:
        return


def release_of_run(settings: Settings, flow_run: str) -> str:
    """The open release that this flow run opened before it was suspended; empty when there is none."""
    store = open.store_of(settings)
    current = TargetLog(store, settings.target).current()
    if current is None or not Record.exists(store, settings.target, current):
        return ""
    begun = Record.open(store, settings.target, current).last("opened")
    return current if begun is not None and begun.body.get("flow_run") == flow_run else ""
