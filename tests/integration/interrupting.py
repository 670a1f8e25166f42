"""What the tests of interrupted backups share: rows that take a while, and stores in which a test can act half way."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from tasks.clients.directory_store import DirectoryStore
from tasks.clients.postgres import connect
from tasks.clients.s3_store import S3Store

# Rows that do not compress: 4 or 12 MB, so that pg_dump is still at it when the first part is on its way.
ROWS = """
create table heavy (id int primary key, noise text);
insert into heavy select n, (select string_agg(md5(n::text || m::text), '') from generate_series(1, 30) m)
  from generate_series(1, {rows}) n;
"""
TWO_PARTS = ROWS.format(rows=12000)
HEAVY = ROWS.format(rows=4000)
KILL = """
select pg_terminate_backend(pid) from pg_stat_activity
 where application_name = %s and datname = current_database() and query like %s
"""


class Watched(DirectoryStore):
    """A directory store that lets a test act after the first piece of a dump."""

    def upload(self, key: str, chunks: Iterable[bytes], part_bytes: int = 8 << 20) -> int:
        return super().upload(key, after_first(chunks, self.act) if "/dump" in key else chunks, part_bytes)

    act: Callable[[], None]


class WatchedBucket(S3Store):
    """The same for a bucket."""

    def upload(self, key: str, chunks: Iterable[bytes], part_bytes: int = 8 << 20) -> int:
        return super().upload(key, after_first(chunks, self.act) if "/dump" in key else chunks, part_bytes)

    act: Callable[[], None]


def after_first(chunks: Iterable[bytes], act: Callable[[], None]) -> Iterator[bytes]:
    for number, piece in enumerate(chunks):
        yield piece
        if number == 0:
            act()


@contextmanager
def killing(url: SecretStr, name: str, busy_with: str = "") -> Iterator[None]:
    """Ends the first session of this name as soon as it is there, and busy with this."""
    over = threading.Event()

    def kill() -> None:
        with connect(url, purpose="test") as connection:
            while not over.wait(0.002):
                if connection.execute(KILL, [name, f"%{busy_with}%"]).fetchone():
                    return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def watched(tmp_path: Path, act: Callable[[], None]) -> Watched:
    store = Watched(tmp_path / "store")
    store.act = act
    return store
