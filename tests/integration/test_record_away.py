"""A store that is away for a moment, or for good, or only seems to be: an event is written once or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tasks.clients.object_store import Unreachable
from tasks.clients.seaweed import SeaweedServer
from tasks.clients.stores import open_store
from tasks.record import Record
from tests.integration.recording import ID, kinds, opened
from tests.servers.line import Fate, Line, line_to
from tests.servers.seaweed import BUCKET


@pytest.fixture
def line(s3_server: SeaweedServer, s3_url: str) -> Iterator[Line]:
    with line_to(s3_server) as line:
        yield line


def test_a_store_that_is_away_for_a_moment_does_not_lose_an_event(line: Line, s3_url: str) -> None:
    record = opened(open_store(line.url(BUCKET, s3_url.partition("?")[0].removeprefix(f"s3://{BUCKET}/"))))
    line.fate = lambda operation, count: Fate.BUSY if operation == "put" and count < 7 else Fate.PASS
    record.append("applied")
    assert kinds(Record.open(open_store(s3_url), "shop", ID)) == ["opened", "applied"]
    assert line.seen["put"] == 7


def test_a_store_that_stays_away_stops_the_release_with_a_sentence(line: Line, s3_url: str) -> None:
    store = open_store(line.url(BUCKET, s3_url.partition("?")[0].removeprefix(f"s3://{BUCKET}/")))
    record = Record(store, "shop", ID, owner="a", patience_seconds=0.5)
    record.append("opened")
    line.fate = lambda _operation, _count: Fate.BUSY
    start = datetime.now(UTC)
    with pytest.raises(Unreachable, match="could not write"):
        record.append("applied")
    assert datetime.now(UTC) - start < timedelta(seconds=20)
    line.fate = lambda _operation, _count: Fate.PASS
    record.append("applied")
    assert kinds(Record.open(open_store(s3_url), "shop", ID)) == ["opened", "applied"]


def test_an_event_that_arrived_though_the_store_seemed_away_is_written_once(line: Line, s3_url: str) -> None:
    record = opened(open_store(line.url(BUCKET, s3_url.partition("?")[0].removeprefix(f"s3://{BUCKET}/"))))
    fates = {("put", 2): Fate.LOST_REPLY, **{("head", count): Fate.BUSY for count in range(1, 4)}}
    line.fate = lambda operation, count: fates.get((operation, count), Fate.PASS)
    event = record.append("applied")
    assert line.seen["put"] == 4  # lost, refused as a second one, and refused again once the store is back
    assert [e for e in Record.open(open_store(s3_url), "shop", ID).events if e.kind == "applied"] == [event]
