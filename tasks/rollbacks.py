"""Finds the rollback SQL of each pending migration, in both shapes that teams use, and never guesses between two."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tasks.gate.draft_text import is_draft
from tasks.gate.envelope import without_envelope
from tasks.gate.errors import GateError
from tasks.gate.model import sha256
from tasks.gate.plan import Migration, Problem, Rollback
from tasks.migration_files import names, read_bytes

PREFIX, SUFFIX = "rollback_", ".sql"
STAMP = len("YYYYMMDD_HHMMSS")


class FoundRollbacks(NamedTuple):
    """What the folder has for the pending migrations."""

    rollbacks: tuple[Rollback, ...]  # in the order of the plan
    missing: tuple[str, ...]  # tags without a file
    notes: tuple[str, ...]  # by which rule a file was found, where that is not plain
    problems: tuple[Problem, ...]  # two files for one migration, one file for two, a file that cannot be read
    drafts: Mapping[str, str] = MappingProxyType({})  # tag -> file that nobody has confirmed yet


class _Dated(NamedTuple):
    file: str
    stamp: str  # YYYYMMDD_HHMMSS
    name: str


class _Search(NamedTuple):
    folder: Path
    files: frozenset[str]
    dated: tuple[_Dated, ...]
    stamps: Counter[str]  # of the pending migrations
    names: Counter[str]

    def has(self, file: str) -> bool:
        return file in self.files or ("/" in file and (self.folder / file).is_file())


def find_rollbacks(folder: Path, pending: Sequence[Migration]) -> FoundRollbacks:
    """The rollback file of every pending migration: `<tag>.sql` or `rollback_YYYYMMDD_HHMMSS_name.sql`.

    A dated file belongs to the migration whose time it carries, to the second, in UTC. Where no time fits, it belongs
    to the only migration that has its name; a note says so.

    Args:
        folder: where rollback SQL is kept; it need not exist.
        pending: in the order of the plan.
    """
    listed = sorted(names(folder)) if folder.is_dir() else []
    search = _Search(
        folder=folder,
        files=frozenset(listed),
        dated=tuple(found for name in listed if (found := _dated(name)) is not None),
        stamps=Counter(map(_stamp, pending)),
        names=Counter(_name(m.tag) for m in pending),
    )
    rollbacks: list[Rollback] = []
    missing: list[str] = []
    notes: list[str] = []
    problems: list[Problem] = []
    for migration in pending:
        files, note = _candidates(migration, search)
        if len(files) > 1:
            problems.append(_ambiguous(folder, migration.tag, files))
        elif not files:
            missing.append(migration.tag)
        else:
            outcome = _read(folder, migration.tag, files[0])
            (rollbacks if isinstance(outcome, Rollback) else problems).append(outcome)  # type: ignore[arg-type]
            notes += [note] if note else []
    return without_drafts(
        FoundRollbacks(tuple(rollbacks), tuple(missing), tuple(notes), (*problems, *_shared(folder, rollbacks)))
    )


def without_drafts(found: FoundRollbacks) -> FoundRollbacks:
    """A draft that nobody has read counts as no rollback SQL at all, and a note says so."""
    drafts = {r.tag: r.file for r in found.rollbacks if is_draft(r.text)}
    return found._replace(
        rollbacks=tuple(r for r in found.rollbacks if r.tag not in drafts),
        missing=(*found.missing, *drafts),
        notes=(
            *found.notes,
            *(f"{file} is a draft and not used: read it, then take its first line away" for file in drafts.values()),
        ),
        drafts=drafts,
    )


def _dated(name: str) -> _Dated | None:
    if not name.startswith(PREFIX) or not name.endswith(SUFFIX):
        return None
    middle = name[len(PREFIX) : -len(SUFFIX)]
    stamp, rest = middle[:STAMP], middle[STAMP:]
    day, _, time = stamp.partition("_")
    if len(stamp) != STAMP or not (day + time).isdigit() or len(day) != len("YYYYMMDD") or rest[:1] not in ("_", ""):
        return None
    return _Dated(name, stamp, rest.removeprefix("_"))


def _candidates(migration: Migration, search: _Search) -> tuple[list[str], str]:
    """The files that could be meant, and how the dated one was found when not by its time."""
    own = [f"{migration.tag}{SUFFIX}"] if search.has(f"{migration.tag}{SUFFIX}") else []
    stamp, name = _stamp(migration), _name(migration.tag)
    timed = [found for found in search.dated if found.stamp == stamp]
    twins = search.stamps[stamp] > 1
    if len(timed) > 1 or twins:  # one second may hold several migrations: then the name decides, too
        timed = [found for found in timed if found.name == name] or ([] if twins else timed)
    if timed or own:
        return own + [found.file for found in timed], ""
    named = [found for found in search.dated if found.name == name and found.stamp not in search.stamps]
    if not named or search.names[name] > 1:
        return [], ""
    note = (
        f"{named[0].file} was taken as the rollback of {migration.tag} by its name; its time is another ({stamp} UTC)"
    )
    return [found.file for found in named], note


def _stamp(migration: Migration) -> str:
    if migration.created_at is None:
        return ""
    try:
        moment = datetime.fromtimestamp(migration.created_at // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.strftime("%Y%m%d_%H%M%S")


def _name(tag: str) -> str:
    """`0007_add_index` and `20261122191429_add_index` are both called `add_index`."""
    return tag.rpartition("/")[2].partition("_")[2]


def _read(folder: Path, tag: str, file: str) -> Rollback | Problem:
    try:
        content = read_bytes(folder, file)
        return Rollback(tag=tag, file=file, sha256=sha256(content), text=without_envelope(content.decode()))
    except GateError as error:
        cause, remedy = error.message, error.hint
    except UnicodeDecodeError:
        cause, remedy = f"{folder / file} is not UTF-8", "save it as UTF-8"
    return Problem(tag=tag, kind="rollback", cause=cause, remedy=remedy)


def _ambiguous(folder: Path, tag: str, files: Sequence[str]) -> Problem:
    return Problem(
        tag=tag,
        kind="rollback",
        cause=f"{tag} has more than one rollback in {folder}: {' and '.join(files)}",
        remedy="keep the one that is meant",
    )


def _shared(folder: Path, rollbacks: Sequence[Rollback]) -> list[Problem]:
    """A file that was found for two migrations would run twice."""
    by_file: dict[str, list[str]] = {}
    for rollback in rollbacks:
        by_file.setdefault(rollback.file, []).append(rollback.tag)
    return [
        Problem(
            tag=tags[0],
            kind="rollback",
            cause=f"{folder / file} fits {' and '.join(tags)}",
            remedy=f"name one file per migration, for example {tags[0]}.sql",
        )
        for file, tags in by_file.items()
        if len(tags) > 1
    ]
