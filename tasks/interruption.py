"""Lets a SIGTERM end a step as Ctrl-C does: with its cleaning up, instead of in the middle of a statement."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psycopg
from psycopg.pq import TransactionStatus

from tasks.clients.postgres import Connection

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt for the length of the block, whatever it means outside.

    psycopg cancels the running statement on KeyboardInterrupt and waits for the server's answer. It does not know what
    an engine raises to cancel a run: a statement would outlive the process. So whoever gave SIGTERM a meaning before
    hears of it at the end of the block, when all is cleaned up. Only in the main thread, which alone may decide.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, before)
        if told and callable(before):
            before(signal.SIGTERM, None)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C and its kin waiting until the block is done: for what nobody but this process would do.

    A second, impatient Ctrl-C must not end the cleaning up that the first one began.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    late: list[int] = []
    before = {number: signal.signal(number, lambda n, _frame: late.append(n)) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if late:
        raise KeyboardInterrupt


def stop(connection: Connection) -> None:
    """Cancel what still runs and close: no statement may outlive the process that would have judged it."""
    if not connection.closed and connection.info.transaction_status == TransactionStatus.ACTIVE:
        with suppress(psycopg.Error):  # then the server ends it at its own time limit
            connection.cancel_safe(timeout=5)
    connection.close()
