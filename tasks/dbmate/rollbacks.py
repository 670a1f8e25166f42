"""The way back of dbmate's migrations: their own down sections."""

from collections.abc import Sequence
from pathlib import Path

from tasks.dbmate.folder import sections_of
from tasks.gate.model import sha256
from tasks.gate.plan import Folder, Migration, Rollback
from tasks.rollbacks import FoundRollbacks, without_drafts


def rollbacks(folder: Folder, beside: Path, migrations: Sequence[Migration]) -> FoundRollbacks:  # noqa: ARG001
    """The down section of each migration; one without a line that is no comment counts as missing."""
    texts = {m.tag: sections_of(folder, m).down for m in migrations}
    found = tuple(
        Rollback(tag=m.tag, file=f"{m.file} (down)", sha256=sha256(texts[m.tag].encode()), text=texts[m.tag])
        for m in migrations
        if _says_something(texts[m.tag])
    )
    there = {rollback.tag for rollback in found}
    return without_drafts(FoundRollbacks(found, tuple(m.tag for m in migrations if m.tag not in there), (), ()))


def _says_something(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in text.splitlines())
