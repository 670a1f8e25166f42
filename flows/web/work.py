"""Runs what may block (store, Slack, Prefect) in a bounded number of threads, and never lets an answer wait for it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

THREADS = 24
MOST = 200  # pieces of work that run or wait; one more is refused, so that a store that hangs costs no memory


class TooBusyError(Exception):
    """So much is waiting for a slow store already that no more is taken on."""


class Work:
    """Threads for the endpoint; what was begun is finished even when nobody waits for it any more."""

    def __init__(self, *, threads: int = THREADS, most: int = MOST) -> None:
        """Starts no thread before the first piece of work.

        Args:
            threads: how many pieces run at the same time.
            most: how many may run or wait.
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gate-work")
        self._room = threading.BoundedSemaphore(most)

    def begin(self, act: Callable[[], T]) -> Future[T]:
        """Begin a piece of work now.

        Raises:
            TooBusyError: no more is taken on.
        """
        if not self._room.acquire(blocking=False):
            raise TooBusyError
        try:
            future = self._pool.submit(act)
        except RuntimeError:  # the process is being stopped
            self._room.release()
            raise TooBusyError from None
        future.add_done_callback(lambda _done: self._room.release())
        return future

    async def within(self, seconds: float, act: Callable[[], T]) -> T:
        """The result of a piece of work.

        Raises:
            TimeoutError: it is not known yet; the work goes on all the same.
            TooBusyError: nothing was begun.
        """
        return await wait_for(self.begin(act), seconds)

    def stop(self) -> None:
        """Take on nothing more, and drop what did not begin; what runs ends by its own time limits."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def wait_for(future: Future[T], seconds: float) -> T:
    """The result of work that was begun; a TimeoutError leaves it running."""
    return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), max(0.0, seconds))
