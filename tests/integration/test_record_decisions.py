"""Decisions are events too: the first one counts, whichever door it came through and whoever writes meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.clients.object_store import ObjectStore
from tasks.gate.errors import ConfigurationError
from tasks.record import AlreadyDecided, Record
from tests.integration.recording import ID, kinds, opened


def test_the_first_decision_counts_and_the_second_learns_whose_it_was(store: ObjectStore) -> None:
    opened(store).append("asked", {"digest": "d"})
    first, second = (Record.open(store, "shop", ID) for _ in range(2))
    event = first.decide("approved", {"digest": "d", "who": "ada", "door": "slack"})
    with pytest.raises(AlreadyDecided) as raised:
        second.decide("rejected", {"digest": "d", "who": "bob", "door": "command-line"})
    assert raised.value.message == f"release {ID} was already approved by ada through slack at {event.at}"
    assert raised.value.nouns["who"] == "ada"
    assert kinds(Record.open(store, "shop", ID)) == ["opened", "asked", "approved"]
    assert second.decision("d") == event


def test_of_sixteen_decisions_at_once_exactly_one_is_recorded(store: ObjectStore) -> None:
    opened(store).append("asked", {"digest": "d"})
    records = [Record.open(store, "shop", ID) for _ in range(16)]
    together = threading.Barrier(16)

    def decide(numbered: tuple[int, Record]) -> int | None:
        number, record = numbered
        together.wait()
        try:
            record.decide("approved" if number % 2 else "rejected", {"digest": "d", "who": f"person-{number}"})
        except AlreadyDecided:
            return None
        return number

    with ThreadPoolExecutor(16) as threads:
        winners = [number for number in threads.map(decide, enumerate(records)) if number is not None]
    recorded = [e.body["who"] for e in Record.open(store, "shop", ID).events if e.kind in ("approved", "rejected")]
    assert recorded == [f"person-{number}" for number in winners]
    assert len(recorded) == 1


def test_a_decision_gets_through_while_the_release_writes(directory_store: ObjectStore) -> None:
    worker = opened(directory_store)
    worker.append("asked", {"digest": "d"})
    person = Record.open(directory_store, "shop", ID, owner="person")
    worker.append("claimed")
    person.decide("approved", {"digest": "d", "who": "bob"})
    assert kinds(person) == ["opened", "asked", "claimed", "approved"]


def test_another_digest_and_a_new_request_can_be_decided_anew(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    for digest in ("d1", "d2", "d1"):
        record.append("asked", {"digest": digest})
        assert record.decision(digest) is None
        record.decide("approved", {"digest": digest, "who": "bob"})
    assert kinds(record).count("approved") == 3


def test_after_an_expiry_nothing_is_decided(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    record.append("asked", {"digest": "d"})
    event = record.append("expired", {"sentence": "nobody decided"})
    with pytest.raises(AlreadyDecided) as raised:
        record.decide("approved", {"digest": "d", "who": "bob"})
    assert raised.value.message == f"release {ID} expired at {event.at}"


def test_a_closed_release_takes_no_decision(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    record.append("closed", {"outcome": "refused", "sentence": "staging drifted", "exit_code": 3})
    with pytest.raises(ConfigurationError, match=f"release {ID} is closed: staging drifted"):
        Record.open(directory_store, "shop", ID).decide("approved", {"digest": "d", "who": "bob"})
