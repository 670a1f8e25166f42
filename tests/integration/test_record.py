"""The record on both stores: who may write next, who lost, and what is known after a crash or a lost reply."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tasks.clients.object_store import ObjectStore
from tasks.gate.chain import BrokenChain, Event, encode
from tasks.gate.errors import ConfigurationError, Fenced
from tasks.gate.evidence import Finding, Verdict
from tasks.gate.model import Model, sha256
from tasks.record import Record, new_owner, release_ids
from tests.integration.recording import ID, kinds, opened


def test_an_event_is_there_for_everybody_when_append_returns(store: ObjectStore) -> None:
    record = opened(store)
    finding = Finding(check="staging", title="Staging", verdict=Verdict.PASS, sentence="fine")
    event = record.append("checked", {"findings": [finding], "pair": (1, 2)})
    another = Record.open(store, "shop", ID)
    assert kinds(another) == ["opened", "checked"]
    assert another.events == record.events
    assert event == another.last("checked")
    assert event.body["pair"] == [1, 2]
    assert Finding.model_validate(event.body["findings"][0]) == finding
    assert [entry.key for entry in store.keys("shop/")] == [f"shop/releases/{ID}/000{n}.json" for n in (1, 2)]


def test_a_model_is_a_body(directory_store: ObjectStore) -> None:
    class Backup(Model):
        backup: str
        tables: tuple[str, ...]

    event = opened(directory_store).append("backed_up", Backup(backup="b", tables=("t",)))
    assert event.body == {"backup": "b", "tables": ["t"]}


def test_each_event_carries_the_digest_of_the_stored_bytes_before_it(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    record.append("planned")
    blobs = [blob for _, blob in record.blobs()]
    assert [event.previous for event in record.events] == ["0" * 64, sha256(blobs[0])]
    assert record.head == sha256(blobs[1])
    assert [event.number for event in record.events] == [1, 2]


def test_times_are_utc_and_never_decide_the_order(directory_store: ObjectStore) -> None:
    moments = iter([datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)])
    record = Record(directory_store, "shop", ID, owner="a", now=lambda: next(moments))
    record.append("opened")
    record.append("planned")
    assert [e.at for e in Record.open(directory_store, "shop", ID).events] == [
        "2026-11-23T12:00:00.000+00:00",
        "2020-01-01T00:00:00.000+00:00",
    ]


def test_what_others_decided_meanwhile_is_taken_over_and_the_write_goes_on(store: ObjectStore) -> None:
    record = opened(store)
    record.append("asked", {"digest": "d"})
    other = Record.open(store, "shop", ID, owner="bob")
    other.append("approved", {"digest": "d", "who": "bob", "door": "slack"})
    other.append("noted", {"sentence": "seen"})
    record.append("applying")
    assert kinds(record) == ["opened", "asked", "approved", "noted", "applying"]
    assert kinds(Record.open(store, "shop", ID)) == kinds(record)


def test_refresh_returns_only_what_is_new(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    assert record.refresh() == ()
    Record.open(directory_store, "shop", ID, owner="b").append("noted", {"sentence": "seen"})
    assert [event.kind for event in record.refresh()] == ["noted"]
    assert record.refresh() == ()


def test_a_process_that_slept_through_a_takeover_loses_its_next_write_and_is_told_to_whom(store: ObjectStore) -> None:
    sleeper = opened(store, owner="host-a:1:aaaaaa")
    Record.open(store, "shop", ID, owner="host-b:2:bbbbbb").append("claimed", {"owner": "b"})
    with pytest.raises(Fenced) as raised:
        sleeper.append("applying")
    assert raised.value.message.startswith(f"host-b:2:bbbbbb took over release {ID} at 20")
    assert raised.value.message.endswith("so this process stopped")
    assert raised.value.exit_code == 7
    with pytest.raises(Fenced):
        sleeper.append("applying")
    assert kinds(Record.open(store, "shop", ID)) == ["opened", "claimed"]
    assert sleeper.holder == "host-b:2:bbbbbb"


def test_one_that_saw_the_takeover_while_it_waited_is_fenced_as_well(directory_store: ObjectStore) -> None:
    sleeper = opened(directory_store)
    Record.open(directory_store, "shop", ID, owner="b").append("claimed")
    sleeper.refresh()
    with pytest.raises(Fenced):
        sleeper.append("applying")


def test_whoever_was_fenced_may_still_decide_and_note(directory_store: ObjectStore) -> None:
    sleeper = opened(directory_store)
    Record.open(directory_store, "shop", ID, owner="b").append("claimed")
    sleeper.append("noted", {"sentence": "interrupted"})
    sleeper.append("rejected", {"digest": "d", "who": "ada", "door": "terminal"})
    assert kinds(sleeper) == ["opened", "claimed", "noted", "rejected"]


def test_two_that_claim_at_once_are_told_apart(store: ObjectStore) -> None:
    opened(store)
    claimants = [Record.open(store, "shop", ID, owner=f"claimant-{n}") for n in range(2)]
    claimants[0].append("claimed")
    with pytest.raises(Fenced, match="claimant-0 took over"):
        claimants[1].append("claimed")


def test_a_claim_on_one_who_is_at_work_is_refused(directory_store: ObjectStore) -> None:
    worker = opened(directory_store)
    claimant = Record.open(directory_store, "shop", ID, owner="b")
    worker.append("planned")
    with pytest.raises(Fenced, match="a wrote 'planned' to release"):
        claimant.append("claimed")


def test_of_sixteen_that_take_a_release_up_at_once_exactly_one_gets_it(store: ObjectStore) -> None:
    opened(store)
    claimants = [Record.open(store, "shop", ID, owner=f"claimant-{n}") for n in range(16)]
    together = threading.Barrier(16)

    def claim(record: Record) -> str:
        together.wait()
        try:
            record.append("claimed")
        except Fenced:
            return ""
        return record.owner

    with ThreadPoolExecutor(16) as threads:
        winners = [owner for owner in threads.map(claim, claimants) if owner]
    assert winners == [Record.open(store, "shop", ID).holder]


def test_an_unknown_release_is_refused_with_the_nearest_ids(directory_store: ObjectStore) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Record.open(directory_store, "shop", ID)
    assert raised.value.hint == "target shop has no release yet"
    for release in (ID, "20261122-090000-shop-ffffff"):
        opened(directory_store, release=release)
    for ask in (
        lambda release: Record.open(directory_store, "shop", release),
        lambda release: Record(directory_store, "shop", release, owner="a").append("claimed"),
    ):
        with pytest.raises(ConfigurationError) as raised:
            ask(ID.replace("abc123", "abc124"))
        assert raised.value.message == f"no release {ID.replace('abc123', 'abc124')} of target shop"
        assert raised.value.hint.startswith(f"the nearest are {ID}, ")
        assert raised.value.exit_code == 2
    assert release_ids(directory_store, "shop") == ("20261122-090000-shop-ffffff", ID)
    assert Record.exists(directory_store, "shop", ID)
    assert not Record.exists(directory_store, "shop", "another")


def test_an_id_that_leads_out_of_the_store_is_refused(store: ObjectStore) -> None:
    for release in ("../../etc", "..", ""):
        with pytest.raises(ConfigurationError):
            Record.open(store, "shop", release)


def rewrite(store: ObjectStore, key: str, change: Callable[[bytes], bytes]) -> None:
    body = store.read(key)
    store.delete(key)
    store.create(key, change(body))


def test_an_altered_event_is_named_and_nothing_builds_on_it(store: ObjectStore) -> None:
    record = opened(store)
    record.append("planned")
    rewrite(store, f"shop/releases/{ID}/0001.json", lambda body: body.replace(b"ada", b"eve"))
    with pytest.raises(BrokenChain) as raised:
        Record.open(store, "shop", ID)
    assert "event 0001 was altered after it was written" in raised.value.message
    assert "gate report ID --verify" in raised.value.hint


def test_a_missing_event_is_named(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    record.append("planned")
    record.append("checked")
    directory_store.delete(f"shop/releases/{ID}/0002.json")
    with pytest.raises(BrokenChain, match="event 0002 is missing"):
        Record.open(directory_store, "shop", ID)


def test_the_record_of_another_release_is_not_taken_for_this_one(directory_store: ObjectStore) -> None:
    opened(directory_store)
    copy = directory_store.read(f"shop/releases/{ID}/0001.json")
    directory_store.create("shop/releases/another/0001.json", copy)
    with pytest.raises(BrokenChain, match=f"the record of another is that of {ID}"):
        Record.open(directory_store, "shop", "another")


def test_an_event_that_somebody_slipped_in_is_not_followed(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    slipped = Event(number=2, kind="approved", at="2026-11-23T12:00:00+00:00", by="eve", body={}, previous="1" * 64)
    directory_store.create(f"shop/releases/{ID}/0002.json", encode(slipped))
    with pytest.raises(BrokenChain, match=r"0002\.json does not continue the event before it"):
        record.append("planned")


def test_threads_of_one_process_may_share_a_record(directory_store: ObjectStore) -> None:
    record = opened(directory_store)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: record.append("noted", {"sentence": str(n)}), range(40)))
    assert len(Record.open(directory_store, "shop", ID).events) == 41


def test_no_two_processes_have_the_same_token() -> None:
    assert len({new_owner() for _ in range(100)}) == 100
