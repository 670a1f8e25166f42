"""A chain of events: how one is written, and how an altered, missing or exchanged one is found, offline."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from tasks.gate.errors import ConfigurationError
from tasks.gate.model import Model, canonical, sha256

GENESIS = "0" * 64
_DIGEST = "sha256"  # a link's own digest: the newest link has no successor that would vouch for it


class Event(Model):
    """One link of a chain, stored as `NNNN.json`: the number alone is the key, so nobody else can write it too."""

    number: int  # from 1
    kind: str  # "opened", "claimed", "planned", ...
    at: str  # UTC, ISO 8601
    by: str  # who wrote it: host, process, token
    body: dict[str, Any]
    previous: str  # SHA-256 of the stored bytes of the event before; 64 zeros for the first


class BrokenChain(ConfigurationError):
    """What is stored is not what was written."""


def encode(event: Event) -> bytes:
    """The bytes that are stored: canonical JSON with a digest of itself."""
    content = event.model_dump(mode="json")
    return canonical({**content, _DIGEST: sha256(canonical(content))})


def decode(key: str, blob: bytes) -> Event:
    """Read one stored event back.

    Raises:
        BrokenChain: the bytes are not what `encode` wrote; the message names the event.
    """
    name = name_of(key)
    try:
        content = json.loads(blob)
        digest = content.pop(_DIGEST)
        event = Event.model_validate(content)
        intact = encode(event) == blob
    except (ValueError, ValidationError, AttributeError, KeyError, TypeError, RecursionError):
        raise BrokenChain(f"event {name} cannot be read: it is cut off or was altered after it was written") from None
    if not intact or digest != sha256(canonical(content)):
        raise BrokenChain(f"event {name} was altered after it was written: its content does not match its checksum")
    return event


def plain_body(body: dict[str, Any] | Model | None) -> dict[str, Any]:
    """A body as it will be read again: lists for tuples, and no half of a surrogate pair, which no JSON can hold."""
    value = body.model_dump(mode="json") if isinstance(body, Model) else to_jsonable_python(body or {})
    plain: dict[str, Any] = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return plain


def number_of(key: str) -> int | None:
    """The number that a key stands for, None when the object is no event."""
    stem = name_of(key)
    return int(stem) if stem.isascii() and stem.isdigit() else None


def name_of(key: str) -> str:
    """The last part of a key without `.json`, as messages name an event."""
    return key.rsplit("/", 1)[-1].removesuffix(".json")


def verify_chain(blobs: Sequence[tuple[str, bytes]], head: str = "", start: int = 1) -> tuple[str, ...]:
    """Everything that is wrong with a stored chain, in words; empty when it is as it was written.

    Args:
        blobs: key and stored bytes of each event.
        head: SHA-256 of an event that must be there, because another chain vouches for it; else empty.
        start: the number of the oldest event that was read; what came before is not looked at.
    """
    numbered = sorted((number, key, blob) for key, blob in blobs if (number := number_of(key)) is not None)
    problems = [f"{name_of(key)} is no event of this chain" for key, _ in blobs if number_of(key) is None]
    before, expected = GENESIS if start == 1 else "", start
    for number, key, blob in numbered:
        problems += [f"event {missing:04d} is missing" for missing in range(expected, number)]
        problems += _link_problems(number, key, blob, before if number == expected else "")
        before, expected = sha256(blob), number + 1
    if head and head not in {sha256(blob) for _, _, blob in numbered}:
        problems.append("its end is missing: the event with which it was closed is not there as it was written")
    return tuple(problems)


def _link_problems(number: int, key: str, blob: bytes, before: str) -> list[str]:
    try:
        event = decode(key, blob)
    except BrokenChain as broken:
        return [broken.message]
    if event.number != number:
        return [f"event {name_of(key)} holds event {event.number:04d}: objects were exchanged"]
    if before and event.previous != before:
        return [
            f"event {name_of(key)} ({event.kind}) does not continue the one before it, which was altered or replaced"
        ]
    return []
