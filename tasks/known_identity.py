"""Which database a target's name stood for until now, by the record of its earlier releases."""

from tasks.clients.object_store import ObjectStore
from tasks.gate.identity import Identity
from tasks.record import Record
from tasks.target_log import TargetLog

LOOKED_BACK = 20  # releases: a name that was not used for longer has no past worth defending


def known_identity(store: ObjectStore, target: str, *, before: str) -> Identity | None:
    """The database of the newest earlier release that got past its checklist; None when there is none.

    One that its own checklist refused does not count: it may have been refused for naming the wrong database.

    Args:
        store: where the records are.
        target: the name.
        before: the release that asks.
    """
    for entry in TargetLog(store, target).releases(LOOKED_BACK):
        if entry.release == before:
            continue
        record = Record(store, target, entry.release, owner="reader")  # empty when killed before its first event
        opened = record.last("opened")
        if opened is not None and record.last("backed_up") is not None:
            return Identity.model_validate(opened.body["identity"])
    return None
