"""An error that nobody foresaw: its kind and place for whoever mends it, never its values, which may be secret."""

import traceback
from pathlib import Path

from tasks.gate.errors import GateError


def places(error: BaseException) -> str:
    """Where it was raised and what led there, frame by frame, and the kinds of its causes; no text of any of them."""
    told = traceback.TracebackException.from_exception(error)
    chain = [told]
    while before := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__):
        chain.append(before)
    return "\n".join(f"{''.join(one.stack.format())}{_kind(one)}\n" for one in reversed(chain))


def unexpected(error: BaseException) -> GateError:
    """A refusal that names the defect without repeating what its text says."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).parts[-2:-1] != ("site-packages",)]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
    return GateError(f"a defect in Gate itself: {type(error).__name__} at {where}")


def _kind(told: traceback.TracebackException) -> str:
    return told.exc_type.__name__ if told.exc_type else "an error"
