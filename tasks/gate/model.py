"""The base of everything that is written down: frozen, typed, strict about unknown fields, stable as JSON."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value: equal by content, never changed after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: sorted keys, no spaces, UTF-8; what digests are taken over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    """SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_of(value: BaseModel) -> str:
    """SHA-256 over everything that a value holds, defaults included."""
    return sha256(canonical(value.model_dump(mode="json")))
