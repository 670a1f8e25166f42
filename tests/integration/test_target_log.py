"""The lock of a target: one release at a time, nothing deleted, and a close that vouches for the record's end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.clients.object_store import ObjectStore
from tasks.gate.errors import Busy, ConfigurationError
from tasks.record import Record
from tasks.target_log import TargetLog


def released(store: ObjectStore, release: str, target: str = "shop") -> None:
    TargetLog(store, target).open_release(release)
    record = Record(store, target, release, owner="a")
    record.append("opened")
    record.append("closed", {"outcome": "released", "sentence": "done", "exit_code": 0})
    TargetLog(store, target).close(release, "released", "done")


def test_a_target_is_free_taken_and_free_again(store: ObjectStore) -> None:
    log = TargetLog(store, "shop")
    assert log.current() is None
    log.open_release("r1")
    assert log.current() == "r1"
    log.close("r1", "refused", "staging drifted")
    assert log.current() is None
    assert [entry.key for entry in store.keys("shop/")] == ["shop/log/0001.json", "shop/log/0002.json"]


def test_a_second_release_is_told_who_holds_the_target_and_what_ends_it(store: ObjectStore) -> None:
    TargetLog(store, "shop", owner="host:1:aa").open_release("r1")
    with pytest.raises(Busy) as raised:
        TargetLog(store, "shop").open_release("r2")
    assert raised.value.message.startswith("release r1 holds target shop since 20")
    assert "`gate resume r1`" in raised.value.hint
    assert (raised.value.exit_code, raised.value.nouns["release"]) == (7, "r1")
    assert raised.value.nouns["by"] == "host:1:aa"


def test_another_target_is_not_concerned(directory_store: ObjectStore) -> None:
    TargetLog(directory_store, "shop").open_release("r1")
    TargetLog(directory_store, "shop2").open_release("r2")
    assert TargetLog(directory_store, "shop2").current() == "r2"


def test_opening_and_closing_twice_changes_nothing(directory_store: ObjectStore) -> None:
    log = TargetLog(directory_store, "shop")
    for _ in range(2):
        log.open_release("r1")
    for sentence in ("first", "second"):
        log.close("r1", "released", sentence)
    log.open_release("r2")
    log.close("r1", "refused", "third")
    assert [(e.release, e.state, e.sentence) for e in log.releases()] == [
        ("r2", "open", ""),
        ("r1", "released", "first"),
    ]
    assert log.current() == "r2"


def test_a_release_that_never_held_the_target_cannot_give_it_back(directory_store: ObjectStore) -> None:
    TargetLog(directory_store, "shop").open_release("r1")
    with pytest.raises(ConfigurationError, match="release r2 never held target shop"):
        TargetLog(directory_store, "shop").close("r2", "released", "done")
    assert TargetLog(directory_store, "shop").current() == "r1"


def test_of_sixteen_releases_at_once_exactly_one_gets_the_target(store: ObjectStore) -> None:
    released(store, "r0")
    together = threading.Barrier(16)

    def take(number: int) -> str:
        log = TargetLog(store, "shop")
        together.wait()
        try:
            log.open_release(f"r{number}")
        except Busy:
            return ""
        return f"r{number}"

    with ThreadPoolExecutor(16) as threads:
        winners = [release for release in threads.map(take, range(1, 17)) if release]
    assert winners == [TargetLog(store, "shop").current()]
    assert len(list(store.keys("shop/log/"))) == 3


def test_the_last_releases_come_newest_first(directory_store: ObjectStore) -> None:
    for number in range(1, 6):
        released(directory_store, f"r{number}")
    TargetLog(directory_store, "shop").open_release("r6")
    log = TargetLog(directory_store, "shop")
    assert [entry.release for entry in log.releases(3)] == ["r6", "r5", "r4"]
    assert [entry.release for entry in log.releases()] == ["r6", "r5", "r4", "r3", "r2", "r1"]
    newest, before = log.releases(2)
    assert (newest.state, before.state, before.sentence) == ("open", "released", "done")
    assert before.opened_at < before.closed_at
    assert log.releases(0) == ()


def test_who_holds_the_target_is_found_without_reading_the_whole_log(directory_store: ObjectStore) -> None:
    for number in range(30):
        TargetLog(directory_store, "shop").open_release(f"r{number}")
        TargetLog(directory_store, "shop").close(f"r{number}", "released", "done")
    directory_store.delete("shop/log/0001.json")
    directory_store.create("shop/log/0001.json", b"unreadable")
    log = TargetLog(directory_store, "shop")
    assert log.current() is None
    log.open_release("next")
    assert [entry.release for entry in log.releases(2)] == ["next", "r29"]
    assert log.verify()[0].startswith("log: event 0001 cannot be read")


def test_a_whole_history_verifies(store: ObjectStore) -> None:
    released(store, "r1")
    released(store, "r2")
    assert TargetLog(store, "shop").verify("r1") == ()
    assert TargetLog(store, "shop").verify("r2") == ()


def test_an_end_cut_off_a_record_is_found_because_the_log_vouches_for_it(directory_store: ObjectStore) -> None:
    released(directory_store, "r1")
    directory_store.delete("shop/releases/r1/0002.json")
    assert TargetLog(directory_store, "shop").verify("r1") == (
        "its end is missing: the event with which it was closed is not there as it was written",
    )


def test_a_note_after_the_close_is_no_alteration(directory_store: ObjectStore) -> None:
    released(directory_store, "r1")
    Record.open(directory_store, "shop", "r1").append("noted", {"sentence": "read by the auditors"})
    assert TargetLog(directory_store, "shop").verify("r1") == ()


def test_a_release_that_never_began_can_be_closed(directory_store: ObjectStore) -> None:
    log = TargetLog(directory_store, "shop")
    log.open_release("r1")
    log.close("r1", "interrupted", "it never began")
    assert log.verify("r1") == ()
    assert log.releases()[0].head == ""
