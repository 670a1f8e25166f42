"""A temporary folder in memory for the whole run: making and dropping databases costs a quarter of it there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.clients.owned_folder import owned_folder, sweep_folders

MEMORY = Path("/dev/shm")
PREFIX = "gate-tests-"
ENOUGH = 6 * 2**30  # bytes free; a run needs about two, and a container's default is 64 MiB


@contextmanager
def temporary_folder_in_memory() -> Iterator[None]:
    """Point TMPDIR at memory where there is enough of it and nobody chose a place; a run that was killed is swept."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        yield
        return
    sweep_folders(PREFIX, [MEMORY])
    if shutil.disk_usage(MEMORY).free < ENOUGH:
        yield
        return
    with owned_folder(PREFIX, MEMORY) as folder:
        folder.chmod(0o711)  # a server of root's runs as nobody, who must get through
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None
        try:
            yield
        finally:
            del os.environ["TMPDIR"]
            tempfile.tempdir = None
