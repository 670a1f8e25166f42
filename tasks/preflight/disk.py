"""There is room: for the copies on the scratch server, and for the backup where the store is a directory."""

import shutil
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tasks.clients.server_account import temporary_bases
from tasks.gate.wording import size
from tasks.preflight.check import Answer, Check, failed, passed, warned
from tasks.preflight.question import Question, Surroundings

# Times the database: the restored copy, one for the plan and one for the way back, all there at once, and a fifth for
# what is rewritten in them and its WAL (failure-modes H10).
COPIES = 3.2
IN_SEGMENTS = 1.0  # one more, for the ways back from the middle of the plan
EMPTY_CLUSTER = 100_000_000  # bytes of a cluster before anything is in it
BACKUPS = 1.0  # times the database: a dump is smaller, compressed much smaller
SIZE = "select pg_database_size(current_database())"
NOT_VISIBLE = "production's own free space is not visible through SQL: look at it where it runs"


class Need(NamedTuple):
    """Bytes that will be written to a folder."""

    folder: Path
    bytes: int
    what: str


def ask(around: Surroundings) -> Answer:
    """Compare what will be written with what is free, filesystem by filesystem."""
    row = around.production().execute(SIZE).fetchone()
    database = int(row[0]) if row else 0
    needs = []
    if around.settings.scratch_url is None:
        needs.append(Need(temporary_bases()[0], _of_copies(around, database), "the rehearsal's copies"))
    store = urlsplit(around.settings.store_address)
    if store.scheme == "file":
        needs.append(Need(Path(unquote(store.path)), int(BACKUPS * database), "the backup"))
    lines, short = judge(needs)
    lines = [f"the database has {size(database)}", *lines, NOT_VISIBLE]
    if around.settings.scratch_url is not None:
        lines.append("the scratch server's free space is not visible through SQL")
    if short:
        return failed(short[0], lines, hint="free space there, or set TMPDIR or GATE_STORE_URL to a larger disk")
    if not needs:
        return warned("no disk is visible from here: neither the scratch server's nor the store's", lines)
    return passed(
        f"the database has {size(database)}, and more than {size(sum(n.bytes for n in needs))} is free", lines
    )


def _of_copies(around: Surroundings, database: int) -> int:
    cut = isinstance(around, Question) and bool(around.plan.segments)  # without a plan, one transaction is likelier
    return int((COPIES + (IN_SEGMENTS if cut else 0)) * database) + EMPTY_CLUSTER


def judge(needs: list[Need]) -> tuple[list[str], list[str]]:
    """A line for each need, and a sentence for each filesystem that is too small; needs on one filesystem add up."""
    lines, short = [], []
    together: dict[int, list[Need]] = {}
    for need in needs:
        together.setdefault(_existing(need.folder).stat().st_dev, []).append(need)
    for group in together.values():
        free = shutil.disk_usage(_existing(group[0].folder)).free
        wanted = sum(need.bytes for need in group)
        lines += [f"{need.folder}: {size(need.bytes)} for {need.what}, {size(free)} free" for need in group]
        if free < wanted:
            what = " and ".join(need.what for need in group)
            short.append(f"{size(wanted)} is needed for {what}, and {size(free)} is free in {group[0].folder}")
    return lines, short


def _existing(folder: Path) -> Path:
    return next(p for p in [folder, *folder.parents] if p.exists())


CHECK = Check("disk", "There is room for the copies and the backup", ask)
