"""Starts child processes that receive a signal when this process dies, even by SIGKILL."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from tasks.gate.errors import ConfigurationError

PR_SET_PDEATHSIG = 1
P = TypeVar("P", bound=subprocess.Popen[bytes])

# Linux delivers the signal when the *thread* that forked ends, not the process. Steps may run in a pool's thread that
# is retired while its scratch server is still wanted, so every child is started by one thread that lives as long as
# the process does. A fork without exec loses the thread: the copy makes one of its own.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def _renew() -> None:
    global _spawner  # noqa: PLW0603
    _spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


os.register_at_fork(after_in_child=_renew)


def spawn(kind: type[P], argv: Sequence[str], *, death_signal: signal.Signals, **options: Any) -> P:
    """Start `argv` in a session and group of its own; it receives `death_signal` when we die.

    On systems other than Linux there is no such signal: there a killed gate leaves its children to end by themselves
    (pg_dump at its closed pipe, a scratch cluster at the next start's sweep).

    Args:
        kind: subprocess.Popen or a class derived from it.
        argv: the program and its arguments.
        death_signal: SIGTERM lets pg_dump cancel its queries, SIGQUIT ends a postmaster with all its backends.
        options: passed on to `kind`; `user` and `group` are changed before the signal is set, which would clear it.

    Raises:
        ConfigurationError: there is no such program, or it may not be run.
    """
    options |= {"start_new_session": True, "preexec_fn": _announce(death_signal)}
    started: Future[P] = _spawner.submit(kind, list(argv), **options)
    try:
        return started.result()
    except OSError as error:
        raise ConfigurationError(
            f"cannot run {argv[0]}: {(error.strerror or 'unknown reason').lower()}",
            hint="check that the program is installed, and that this account may execute it",
        ) from None
    except BaseException:
        # Interrupted between the order and the delivery: nobody would ever end this child.
        started.add_done_callback(_discard)
        raise


def _announce(number: signal.Signals) -> Callable[[], None] | None:
    """The call that the child makes between fork and exec.

    Python advises against preexec_fn in threaded programs because code there may need a lock that another thread held
    during the fork. This one needs none: the C function is looked up before the fork, its arguments are two integers,
    and PyDLL keeps the interpreter lock, which the forked child owns.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent, value = ctypes.PyDLL(None).prctl, os.getpid(), int(number)

    def announce() -> None:
        prctl(PR_SET_PDEATHSIG, value)
        if os.getppid() != parent:  # we died before the child had asked for the signal
            os._exit(1)

    return announce


def _discard(started: "Future[P]") -> None:
    if not started.cancelled() and started.exception() is None:
        child = started.result()
        child.kill()
        child.wait()
