"""A chain of events finds every altered, missing, exchanged and cut off event, and says which."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.gate.chain import GENESIS, BrokenChain, Event, decode, encode, number_of, plain_body, verify_chain
from tasks.gate.model import canonical, sha256


def written(count: int = 5) -> list[tuple[str, bytes]]:
    blobs: list[tuple[str, bytes]] = []
    previous = GENESIS
    for number in range(1, count + 1):
        event = Event(
            number=number,
            kind="noted",
            at=f"2026-11-23T12:00:0{number % 10}.000+00:00",
            by="host:1:abc",
            body={"sentence": f"number {number}", "ünï": [1, 2.5, None, {"a": True}]},
            previous=previous,
        )
        blob = encode(event)
        blobs.append((f"shop/releases/r1/{number:04d}.json", blob))
        previous = sha256(blob)
    return blobs


def forged(blob: bytes, **changes: object) -> bytes:
    """What somebody writes who knows the format: a consistent event of other content."""
    content = json.loads(blob)
    del content["sha256"]
    return encode(Event.model_validate({**content, **changes}))


def test_a_chain_as_it_was_written_has_no_problem() -> None:
    assert verify_chain(written()) == ()
    assert verify_chain([]) == ()
    assert verify_chain(list(reversed(written()))) == ()


def test_an_event_reads_back_as_it_was_written() -> None:
    key, blob = written(1)[0]
    assert encode(decode(key, blob)) == blob
    assert blob == canonical(json.loads(blob))


@settings(deadline=None)
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7), event=st.integers(0, 4))
def test_one_flipped_bit_anywhere_is_found_and_the_event_is_named(position: int, bit: int, event: int) -> None:
    blobs = written()
    key, blob = blobs[event]
    at = position % len(blob)
    blobs[event] = (key, blob[:at] + bytes([blob[at] ^ (1 << bit)]) + blob[at + 1 :])
    problems = verify_chain(blobs)
    assert f"event {event + 1:04d}" in problems[0]
    assert "altered" in problems[0]


@settings(deadline=None)
@given(length=st.integers(0, 400), event=st.integers(0, 4))
def test_an_event_that_was_cut_off_is_named(length: int, event: int) -> None:
    blobs = written()
    key, blob = blobs[event]
    blobs[event] = (key, blob[: min(length, len(blob) - 1)])
    assert verify_chain(blobs)[0].startswith(f"event {event + 1:04d} cannot be read: it is cut off or was altered")


@pytest.mark.parametrize("blob", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5000, b'{"sha256":1}', b'"text"'])
def test_anything_else_in_an_events_place_is_named(blob: bytes) -> None:
    blobs = written(2)
    blobs[1] = (blobs[1][0], blob)
    assert verify_chain(blobs) == ("event 0002 cannot be read: it is cut off or was altered after it was written",)


def test_a_forged_event_does_not_fit_what_follows() -> None:
    blobs = written()
    blobs[2] = (blobs[2][0], forged(blobs[2][1], body={"sentence": "another truth"}))
    assert verify_chain(blobs) == (
        "event 0004 (noted) does not continue the one before it, which was altered or replaced",
    )


def test_a_forged_last_event_does_not_fit_what_the_log_vouches_for() -> None:
    blobs = written()
    head = sha256(blobs[-1][1])
    assert verify_chain(blobs, head) == ()
    blobs[4] = (blobs[4][0], forged(blobs[4][1], body={}))
    assert verify_chain(blobs, head) == (
        "its end is missing: the event with which it was closed is not there as it was written",
    )


def test_a_cut_off_end_is_found_and_a_later_note_is_none() -> None:
    blobs = written()
    head = sha256(blobs[3][1])
    assert verify_chain(blobs, head) == ()
    assert verify_chain(blobs[:3], head)[0].startswith("its end is missing")


def test_a_missing_event_is_named_and_the_rest_is_still_checked() -> None:
    blobs = written(6)
    blobs[5] = (blobs[5][0], b"")
    del blobs[2:4]
    assert verify_chain(blobs) == (
        "event 0003 is missing",
        "event 0004 is missing",
        "event 0006 cannot be read: it is cut off or was altered after it was written",
    )


def test_exchanged_events_are_named() -> None:
    (first, one), (second, two), *rest = written(3)
    problems = verify_chain([(first, two), (second, one), *rest])
    assert problems[:2] == (
        "event 0001 holds event 0002: objects were exchanged",
        "event 0002 holds event 0001: objects were exchanged",
    )


def test_an_event_of_another_chain_is_found() -> None:
    blobs = written(3)
    other = forged(blobs[1][1], previous="1" * 64)
    blobs[1] = (blobs[1][0], other)
    assert verify_chain(blobs)[0].startswith("event 0002 (noted) does not continue the one before it")


def test_a_stray_object_is_named() -> None:
    assert verify_chain([*written(1), ("shop/releases/r1/notes.txt", b"x")]) == ("notes.txt is no event of this chain",)


def test_a_body_is_kept_as_it_will_be_read_again() -> None:
    kept = plain_body({"pair": (1, 2), "half": "a\ud800b", 3: {"when": datetime(2026, 11, 23, tzinfo=UTC)}})
    assert kept == {"pair": [1, 2], "half": "a?b", "3": {"when": "2026-11-23T00:00:00Z"}}
    assert plain_body(None) == {}


def test_a_chain_longer_than_four_digits_keeps_its_order() -> None:
    assert number_of("shop/log/10000.json") == 10_000
    assert number_of("shop/log/x.json") is None
    assert number_of("shop/log/².json") is None


def test_an_unreadable_event_raises_with_its_name() -> None:
    with pytest.raises(BrokenChain, match="event 0007 cannot be read") as raised:
        decode("shop/releases/r1/0007.json", b"{")
    assert raised.value.exit_code == 2
