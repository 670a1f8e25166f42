"""The contract of object storage, asked of both implementations."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.clients.object_store import AlreadyThere, NotThere, ObjectStore
from tasks.clients.stores import open_store, proves_conditional_writes
from tasks.gate.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
PART = 5 << 20


@pytest.fixture(params=["s3", "directory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found: str = request.getfixturevalue("s3_url") if request.param == "s3" else (tmp_path / "store").as_uri()
    return found


@pytest.fixture
def store(url: str) -> ObjectStore:
    return open_store(url)


def test_what_was_created_reads_back_byte_for_byte(store: ObjectStore) -> None:
    body = bytes(range(256)) * 100
    store.create("shop/a/0001.json", body)
    assert body == store.read("shop/a/0001.json")
    assert len(body) == store.size("shop/a/0001.json")


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.create("empty", b"")
    assert (store.read("empty"), store.size("empty"), list(store.stream("empty"))) == (b"", 0, [])


def test_a_second_create_is_refused_and_the_first_stays(store: ObjectStore) -> None:
    store.create("shop/log/0001.json", b"first")
    with pytest.raises(AlreadyThere, match=r"has an object shop/log/0001\.json already"):
        store.create("shop/log/0001.json", b"second")
    assert store.read("shop/log/0001.json") == b"first"


def test_the_same_bytes_written_twice_are_still_two_writers(store: ObjectStore) -> None:
    store.create("key", b"same")
    with pytest.raises(AlreadyThere):
        store.create("key", b"same")


def test_of_sixteen_threads_exactly_one_creates_a_key(store: ObjectStore) -> None:
    def write(number: int) -> int | None:
        try:
            store.create("race", str(number).encode())
        except AlreadyThere:
            return None
        return number

    for _ in range(3):
        with ThreadPoolExecutor(16) as writers:
            winners = [number for number in writers.map(write, range(16)) if number is not None]
        assert [store.read("race")] == [str(number).encode() for number in winners]
        store.delete("race")


def test_of_sixteen_writers_in_four_processes_exactly_one_creates_a_key(url: str, store: ObjectStore) -> None:
    start = str(time.time() + 2.0)
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.racing", url, "race", start, name],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in "abcd"
    ]
    winners = [line for racer in racers for line in racer.communicate(timeout=60)[0].split()]
    assert [racer.returncode for racer in racers] == [0] * 4
    assert [store.read("race").decode()] == winners


def test_a_listing_is_sorted_as_s3_sorts_and_says_the_sizes(store: ObjectStore) -> None:
    for key in ("a/2", "a/10", "a-b", "a/b/c", "ä", "a.b", "B"):
        store.create(key, key.encode())
    assert [(e.key, e.bytes) for e in store.keys("")] == [
        (key, len(key.encode())) for key in ("B", "a-b", "a.b", "a/10", "a/2", "a/b/c", "ä")
    ]


def test_a_listing_takes_any_prefix_and_a_start(store: ObjectStore) -> None:
    for number in range(1, 6):
        store.create(f"shop/log/{number:04d}.json", b"")
    store.create("shop2/log/0001.json", b"")
    assert [e.key for e in store.keys("shop/log/000", after="shop/log/0003.json")] == [
        "shop/log/0004.json",
        "shop/log/0005.json",
    ]
    assert [e.key for e in store.keys("shop2")] == ["shop2/log/0001.json"]
    assert list(store.keys("nobody/")) == []


def test_folders_are_the_next_segments_only(store: ObjectStore) -> None:
    for key in ("shop/releases/b/0001.json", "shop/releases/a/0001.json", "shop/releases/a/0002.json", "shop/x", "top"):
        store.create(key, b"")
    assert list(store.folders("shop/releases/")) == ["a", "b"]
    assert list(store.folders("shop/")) == ["releases"]
    assert list(store.folders("")) == ["shop"]
    assert list(store.folders("nobody/")) == []


def test_a_key_that_is_missing_is_said_to_be_missing(store: ObjectStore) -> None:
    store.create("shop/there", b"")
    for key in ("missing", "shop/there/below"):
        assert store.size(key) is None
        with pytest.raises(NotThere, match=f"has no object {key}"):
            store.read(key)
        with pytest.raises(NotThere):
            list(store.stream(key))
        store.delete(key)


def test_a_deleted_object_is_gone_and_its_key_is_free(store: ObjectStore) -> None:
    store.create("half/dump", b"1")
    store.delete("half/dump")
    assert [e.key for e in store.keys("half/")] == []
    store.create("half/dump", b"2")
    assert store.read("half/dump") == b"2"


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.", "a\0b"])
def test_a_key_that_could_leave_the_store_is_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a name that the object store can hold"):
        store.create(key, b"")
    with pytest.raises(ConfigurationError, match="is not a name that the object store can hold"):
        store.read(key)


def test_odd_names_stay_as_they_are(store: ObjectStore) -> None:
    keys = sorted(["a b", "a+b", "a%20b", "a?b#c", "a'b\"c", "a&b=c", "ünï/cödé"], key=str.encode)
    for key in keys:
        store.create(key, key.encode())
    assert keys == [e.key for e in store.keys("")]
    assert [key.encode() for key in keys] == [store.read(key) for key in keys]


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 17])
def test_an_upload_of_any_size_reads_back(store: ObjectStore, size: int) -> None:
    body = os.urandom(size)
    pieces = (body[at : at + 700_001] for at in range(0, size, 700_001))
    assert size == store.upload("dump", pieces, part_bytes=PART)
    assert body == b"".join(store.stream("dump", 1 << 16))
    assert max((len(piece) for piece in store.stream("dump", 1 << 16)), default=0) <= 1 << 16


@pytest.mark.parametrize("mebibytes", [1, 17])
@pytest.mark.parametrize("error", [RuntimeError("pg_dump died"), KeyboardInterrupt()])
def test_a_producer_that_fails_leaves_nothing_and_its_error_goes_on(
    store: ObjectStore, mebibytes: int, error: BaseException
) -> None:
    def dying() -> Iterator[bytes]:
        for _ in range(mebibytes):
            yield b"x" * (1 << 20)
        raise error

    with pytest.raises(type(error)) as raised:
        store.upload("shop/dump", dying(), part_bytes=PART)
    assert raised.value is error
    assert store.size("shop/dump") is None
    assert list(store.keys("")) == []
    assert store.sweep_uploads("") == 0


def test_an_upload_to_a_key_that_is_taken_is_refused_before_anything_is_produced(store: ObjectStore) -> None:
    store.create("dump", b"theirs")
    produced = iter([b"ours"])
    with pytest.raises(AlreadyThere):
        store.upload("dump", produced)
    assert list(produced) == [b"ours"]


@pytest.mark.parametrize("mebibytes", [1, 12])
def test_an_upload_loses_to_whoever_wrote_the_key_meanwhile(store: ObjectStore, mebibytes: int) -> None:
    def overtaken() -> Iterator[bytes]:
        for _ in range(mebibytes):
            yield b"x" * (1 << 20)
        store.create("dump", b"theirs")

    with pytest.raises(AlreadyThere):
        store.upload("dump", overtaken(), part_bytes=PART)
    assert store.read("dump") == b"theirs"
    assert store.sweep_uploads("") == 0


def test_a_killed_upload_leaves_no_object_and_the_next_sweep_removes_the_rest(url: str, store: ObjectStore) -> None:
    command = [sys.executable, "-m", "tests.integration.uploading", url, "shop/backups/b1/dump"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as uploader:
        assert uploader.stdout is not None
        assert uploader.stdout.readline() == b"under way\n"
        uploader.kill()
    assert store.size("shop/backups/b1/dump") is None
    assert list(store.keys("")) == []
    assert store.sweep_uploads("shop/backups/", older_than_seconds=3600) == 0
    assert store.sweep_uploads("another/") == 0
    assert store.sweep_uploads("shop/backups/") == 1
    assert store.sweep_uploads("shop/backups/") == 0


def test_conditional_writes_are_proved_by_trying_and_nothing_stays(store: ObjectStore) -> None:
    assert proves_conditional_writes(store, "shop/")
    assert list(store.keys("")) == []


def test_two_stores_with_another_prefix_do_not_see_each_other(url: str) -> None:
    first, second = (open_store(url.replace("?", f"/{name}?") if "?" in url else f"{url}/{name}") for name in "ab")
    first.create("shop/log/0001.json", b"")
    assert list(second.keys("")) == []
    second.create("shop/log/0001.json", b"")
