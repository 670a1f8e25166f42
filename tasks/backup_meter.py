"""Counts a backup's bytes on their way, and says how it gets on."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tasks.gate.wording import rate, size
from tasks.kill_points import reached

SPEAK_EVERY_S = 0.5


@dataclass
class Meter:
    """Counts what passes by, and says so now and then."""

    progress: Callable[[str], None]
    word: str = "compressed"  # what the bytes are that go into the store
    raw: int = 0
    stored: int = 0
    tables: tuple[int, int] = (0, 0)
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    began: float = field(default_factory=time.monotonic)
    spoke: float = 0.0

    def read(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """What pg_dump writes, counted."""
        for piece in pieces:
            self.raw += len(piece)
            yield piece

    def store(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """What goes into the store, counted and hashed."""
        for piece in pieces:
            self.digest.update(piece)
            self.stored += len(piece)
            self.speak()
            reached("backup:in-upload")
            yield piece
        self.speak(last=True)

    def speak(self, *, last: bool = False) -> None:
        """Say where it is; the last word is said in any case."""
        now = time.monotonic()
        if not last and now - self.spoke < SPEAK_EVERY_S:
            return
        self.spoke = now
        speed = rate(self.raw, now - self.began)
        done, total = self.tables
        self.progress(f"backing up: {size(self.stored)} {self.word}, {speed} read, {done} of {total} tables")
