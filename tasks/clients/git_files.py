"""Asks git for the files that a folder held at another commit."""

import io
import subprocess
import tarfile
from pathlib import Path

from tasks.clients.child import plain_environment
from tasks.gate.errors import ConfigurationError

SECONDS = 30.0
FOREIGN = b"dubious ownership"  # how git refuses the checkout of another user, as CI jobs in images have it


def files_at(folder: Path, ref: str) -> dict[str, bytes]:
    """The regular files of a folder at another commit, by their path in it; none where there was no such folder.

    Args:
        folder: of a checkout.
        ref: a commit, branch or tag.

    Raises:
        ConfigurationError: no git, no repository, or it knows no such commit.
    """
    try:
        commit = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
        if not _git(folder, "ls-tree", commit, "--", "."):
            return {}
        archive = _git(folder, "archive", "--format=tar", commit, "--", ".")
    except FileNotFoundError:
        raise ConfigurationError("git is not installed here", hint="install git") from None
    except (OSError, subprocess.SubprocessError) as error:
        if FOREIGN in (getattr(error, "stderr", None) or b""):
            raise ConfigurationError(
                f"git does not read the repository around {folder}, because it belongs to another user",
                hint='in the checkout: git config --global --add safe.directory "$PWD"',
            ) from None
        raise ConfigurationError(
            f"git knows no commit {ref} around {folder}",
            hint="name one that is here, as `--base main`, or fetch it: with actions/checkout, fetch-depth: 0; "
            "on GitLab, GIT_DEPTH: 0",
        ) from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = [member for member in tar.getmembers() if member.isreg()]
        return {member.name: content.read() for member in members if (content := tar.extractfile(member)) is not None}


def _git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        capture_output=True,
        timeout=SECONDS,
        check=True,
        stdin=subprocess.DEVNULL,
        env=plain_environment(),
    ).stdout
