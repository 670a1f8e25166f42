"""An error that nobody foresaw: its kind and place for whoever mends it, never its values, which may be secret."""

import traceback
from pathlib import Path

from tasks.gate.errors import GateError


def unexpected(error: BaseException) -> GateError:
    """A refusal that names the defect without repeating what its text says."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if Path(f.filename).parts[-2:-1] != ("site-packages",)]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
    return GateError(f"a defect in Gate itself: {type(error).__name__} at {where}")
