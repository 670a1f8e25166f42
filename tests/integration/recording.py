"""A release's record as tests begin it."""

from tasks.clients.object_store import ObjectStore
from tasks.record import Record

ID = "20261123-120000-shop-abc123"


def opened(store: ObjectStore, *, owner: str = "a", release: str = ID) -> Record:
    record = Record(store, "shop", release, owner=owner)
    record.append("opened", {"by": "ada"})
    return record


def kinds(record: Record) -> list[str]:
    return [event.kind for event in record.events]
