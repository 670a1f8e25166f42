"""Keeps the deployments that wait on GitHub for the gate's answer, and answers each once its release has ended."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from tasks.clients.github import GitHub
from tasks.clients.object_store import AlreadyThere, ObjectStore
from tasks.gate.errors import GateError
from tasks.gate.github_webhook import Ask, Reply, reply_to
from tasks.gate.model import canonical
from tasks.gate.story import Story
from tasks.record import Record
from tasks.target_log import TargetLog

LOOKED_AT = 30  # newest releases of the target
WAITS = timedelta(days=30)  # GitHub fails a deployment by itself after that
ANSWERED = ".answered.json"
SETTLED_ALREADY = 422  # GitHub has its answer, or the run is over

log = logging.getLogger("gate.web")


def keep_ask(store: ObjectStore, target: str, ask: Ask) -> bool:
    """Write the question down before GitHub is told that it was heard; False when it was asked before."""
    try:
        store.create(f"{_folder(target)}{ask.name}.json", ask.model_dump_json().encode())
    except AlreadyThere:
        return False
    return True


Ended = dict[str, tuple[str, Story]]  # releases that are closed, with their commit: they do not change any more


def answer_asks(
    store: ObjectStore, target: str, github: Callable[[], GitHub], now: datetime, ended: Ended
) -> list[Ask]:
    """Answer every question whose release has ended; returns those that still wait.

    Safe from several processes at once and to run again after a kill: GitHub takes one answer, and all give the same.

    Args:
        store: where questions and records lie.
        target: name of the database.
        github: whom to answer; asked for when there is something to say.
        now: the moment of the answer.
        ended: what earlier calls found out; filled.

    Raises:
        GateError: the store is away, or GitHub refuses; what was not answered is tried again next time.
    """
    waiting = []
    asks = _unanswered(store, target, now)
    known = stories(store, target, now, ended) if asks else []
    for ask in asks:
        reply = reply_to(ask, [story for commit, story in known if commit == ask.commit], now)
        if reply is None:
            waiting.append(ask)
            continue
        _answer(github(), ask, reply)
        _mark(store, target, ask, reply)
    return waiting


def _answer(github: GitHub, ask: Ask, reply: Reply) -> None:
    state = "approved" if reply.approved else "rejected"
    try:
        github.answer_protection_rule(ask.run, environment=ask.environment, state=state, comment=reply.comment)
    except GateError as error:
        if error.nouns.get("status") != SETTLED_ALREADY:
            raise
    log.info("deployment of run %s to %s is %s: %s", ask.run, ask.environment, state, reply.comment)


def _mark(store: ObjectStore, target: str, ask: Ask, reply: Reply) -> None:
    try:
        store.create(f"{_folder(target)}{ask.name}{ANSWERED}", canonical(reply.model_dump(mode="json")))
    except AlreadyThere:
        return


def _unanswered(store: ObjectStore, target: str, now: datetime) -> list[Ask]:
    since = f"{_folder(target)}{now - WAITS:%Y%m%d}"
    keys = [entry.key for entry in store.keys(_folder(target), after=since)]
    done = {key.removesuffix(ANSWERED) for key in keys if key.endswith(ANSWERED)}
    asked = [key for key in keys if not key.endswith(ANSWERED) and key.removesuffix(".json") not in done]
    return [Ask.model_validate_json(store.read(key)) for key in asked]


def stories(store: ObjectStore, target: str, now: datetime, ended: Ended) -> list[tuple[str, Story]]:
    """The newest releases of a target with their commits, newest first.

    Args:
        store: where the records lie.
        target: name of the database.
        now: the moment of the question.
        ended: what earlier calls found out; filled.

    Raises:
        GateError: the store cannot be read.
    """
    found = []
    for entry in TargetLog(store, target).releases(LOOKED_AT):
        if entry.release not in ended:
            record = Record(store, target, entry.release, owner="reader")
            opened = record.last("opened")
            sent = (opened.body.get("bundle") if opened else None) or {}
            told = (str(sent.get("commit", "")), record.story(now))
            if not told[1].ended_at:
                found.append(told)
                continue
            ended[entry.release] = told
        found.append(ended[entry.release])
    return found


def _folder(target: str) -> str:
    return f"{target}/github/"
