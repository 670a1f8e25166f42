"""The 35 cases in which Drizzle's behaviour was measured: what `gate plan` calls each, and what Drizzle would do.

A case that only the server can show (a failing statement, a lost connection) is ready in the plan; the rehearsal, the
preflight check or the apply that meets it is named beside it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tasks.drizzle.folder import read_folder
from tasks.drizzle.remarks import remarks
from tasks.drizzle.rows import written
from tasks.drizzle.states import states
from tasks.drizzle.text import MARKER
from tasks.drizzle.verdicts import with_drizzles_part
from tasks.gate.errors import GateError
from tasks.gate.model import sha256
from tasks.gate.plan import Folder, Ledger, LedgerRow
from tasks.read_scripts import read_migrations
from tests.unit.histories import NOW

T = 1_750_000_000_000
A, B, C = "create table a (id int);", "create table b (id int);", "create table c (id int);"
SNAPSHOT = '{"version": "9", "id": "%s", "prevIds": ["%s"]}'


@dataclass(frozen=True)
class Case:
    """A folder, what of it production has, and what the plan must say."""

    number: int
    name: str
    says: str  # the problem's name; `ready`; or `hazard`
    drizzle: str = ""  # a part of what Drizzle would do, or of the hazard
    typed: str = ""  # a part of the remedy
    files: tuple[bytes | str, ...] = (A, B, C)
    whens: tuple[object, ...] = (T, T + 1000, T + 2000)
    tags: tuple[str, ...] = ("0000_a", "0001_b", "0002_c")
    ran: tuple[int, ...] = ()
    rows: tuple[LedgerRow, ...] = ()  # besides those of what ran
    generation: int = 0
    renamed: dict[str, str] = field(default_factory=dict)  # tag now: name in the ledger
    edited: dict[str, str] = field(default_factory=dict)  # tag: the text that ran
    gone: str = ""  # a file that is deleted
    journal: bytes | None = None
    snapshots: tuple[str, ...] = ()
    old_table: bool = False


FOLDERS = ("20250601120000_a", "20250602120000_b", "20250603120000_c")
FOREIGN = LedgerRow(id=9, hash="f" * 64, created_at=T + 9_000_000)


def last(text: bytes | str, number: int, name: str, says: str, drizzle: str = "", typed: str = "") -> Case:
    """Only this text is pending."""
    return Case(number, name, says, drizzle, typed, files=(A, B, text), ran=(0, 1))


CASES = (
    last("alter table nowhere add x int;", 1, "a failing statement", "ready"),
    Case(
        2,
        "an applied file edited",
        "edited",
        "never compares a hash",
        "gate repair mark 0001_b",
        edited={"0001_b": "x"},
        ran=(0, 1),
    ),
    Case(
        3, "an entry that is not newer", "skipped", "skips it, now and for ever", "gate repair run 0001_b", ran=(0, 2)
    ),
    Case(3, "an entry of the very same time", "skipped", "exits 0", whens=(T, T + 1000, T + 1000), ran=(0, 1)),
    Case(
        4, "an unsorted journal on a fresh database", "hazard", "would silently skip it", whens=(T, T + 5000, T + 2000)
    ),
    Case(
        5, "an older folder added later", "hazard", "which is applied already", generation=1, tags=FOLDERS, ran=(0, 2)
    ),
    Case(
        6,
        "an applied folder renamed",
        "renamed",
        "runs it a second time",
        "gate repair rename",
        generation=1,
        tags=FOLDERS,
        ran=(0, 1),
        renamed={FOLDERS[1]: "20250602120000_old"},
    ),
    last("rollback;", 13, "ROLLBACK", "transaction-control", "its rows may be lost", "remove ROLLBACK"),
    last("insert into a values (1);", 15, "a deferred constraint violated", "ready"),
    Case(16, "two migrators at once", "duplicate", "notices nothing", "forget", ran=(0, 1, 1)),
    last("", 17, "an empty file", "ready"),
    last(f"-- x\n{MARKER}\n{MARKER};{MARKER}", 17, "comments and empty pieces", "ready"),
    last("\ufeffselect 1;", 18, "a byte order mark", "byte-order-mark", "fails with 42601", "save it as UTF-8"),
    last("select 1;\r\n", 19, "CRLF", "ready"),
    Case(
        19,
        "another checkout's line endings",
        "line-endings",
        "never compares a hash",
        ".gitattributes",
        files=(A, "b;\n", C),
        edited={"0001_b": "b;\r\n"},
        ran=(0, 1),
    ),
    last(b"select 'caf\xe9';", 20, "invalid UTF-8", "ready"),
    last("select '\0';", 21, "a NUL byte", "nul", "fails with 08P01", "remove it"),
    last(f"select '{MARKER}';", 22, "a marker in a literal", "marker", "splits the file there", "move the breakpoint"),
    last(f"select 1;{MARKER} select 2;", 23, "SQL behind a marker", "ready"),
    Case(
        24,
        "a listed file is missing",
        "missing-file",
        "exits 1 without a word",
        "commit the file",
        ran=(0, 1, 2),
        gone="0000_a.sql",
    ),
    Case(24, "a journal with a byte order mark", "journal-bom", "fails before", "without", journal=b"\xef\xbb\xbf{}"),
    Case(25, "a row deleted", "skipped", "skips it", "gate repair mark 0000_a", ran=(1, 2)),
    Case(25, "the newest row deleted: it would run again", "ready", ran=(0, 1)),
    Case(
        26,
        "a foreign row later than all",
        "foreign-row",
        "skips every migration that is older",
        "gate repair forget 9",
        ran=(0, 1),
        rows=(FOREIGN,),
    ),
    Case(
        27,
        "a row without a time",
        "no-time",
        "runs every migration of the folder again",
        "gate repair",
        ran=(0, 1),
        rows=(FOREIGN.model_copy(update={"created_at": None}),),
    ),
    Case(
        27,
        "a row that blocks the upgrade",
        "upgrade-blocked",
        "refuses to upgrade",
        "forget 9",
        generation=1,
        tags=FOLDERS,
        ran=(0, 1),
        rows=(FOREIGN,),
        old_table=True,
    ),
    Case(28, "tags with a folder and spaces", "ready", tags=("sub/0000_a", "_b c", "0002_ö"), ran=(0, 1)),
    last("set search_path to x, public;", 30, "SET search_path, as Drizzle does it", "ready"),
    last("set role x;", 30, "SET ROLE, as Drizzle does it", "ready"),
    last("discard all;", 30, "DISCARD ALL", "session", "for its own row", "remove it"),
    last(
        "drop schema drizzle cascade;",
        31,
        "the ledger's schema dropped",
        "ledger",
        "fails at its own row (42P01)",
        "remove the statement",
    ),
    last(
        "delete from drizzle.__drizzle_migrations;",
        31,
        "the ledger written",
        "ledger",
        "skips or runs again",
        "gate repair",
    ),
    Case(33, "a skipped one that was repaired", "ready", ran=(0, 2, 1)),
    Case(34, "the newest taken back: pending again", "ready", ran=(0, 1)),
    Case(
        35,
        "open branches",
        "hazard",
        "are open branches",
        generation=1,
        tags=FOLDERS,
        ran=(0,),
        snapshots=(SNAPSHOT % ("1", "0"), SNAPSHOT % ("2", "1"), SNAPSHOT % ("3", "1")),
    ),
)
# Not to be seen before the server is asked: where they are met instead.
ELSEWHERE = {
    7: "CREATE INDEX CONCURRENTLY: the segments of a plan",
    8: "COMMIT, an index and BEGIN: the segments of a plan",
    9: "COMMIT and an index: the segments of a plan",
    10: "an index that fails: the segments of a plan",
    11: "COMMIT and an index in one piece: the segments of a plan",
    12: "BEGIN and COMMIT: the segments of a plan",
    14: "an enum value used in the same run: the segments of a plan",
    29: "a role without CREATE on the database: the preflight check privileges",
    32: "a backend that is ended: the apply is settled by gate resume",
}


def write(case: Case, folder: Path) -> Path:
    """The files."""
    for number, (tag, text) in enumerate(zip(case.tags, case.files, strict=True)):
        file = folder / (f"{tag}/migration.sql" if case.generation else f"{tag}.sql")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        if case.snapshots:
            file.with_name("snapshot.json").write_text(case.snapshots[number])
    if case.generation == 0:
        entries = [{"idx": 0, "when": when, "tag": tag} for tag, when in zip(case.tags, case.whens, strict=True)]
        (folder / "meta").mkdir(parents=True)
        journal = case.journal or json.dumps({"dialect": "postgresql", "entries": entries}).encode()
        (folder / "meta/_journal.json").write_bytes(journal)
    return folder


def ledger(case: Case, folder: Folder) -> Ledger:
    """What production has."""
    rows = []
    for id_, number in enumerate(case.ran, 1):
        migration = folder.migrations[number]
        row = written(migration, case.generation).model_copy(update={"id": id_})
        if migration.tag in case.edited:
            row = row.model_copy(update={"hash": sha256(case.edited[migration.tag].encode())})
        if migration.tag in case.renamed:
            row = row.model_copy(update={"name": case.renamed[migration.tag]})
        rows.append(row.model_copy(update={"name": None}) if case.old_table else row)
    return Ledger(
        schema_name="drizzle",
        table="__drizzle_migrations",
        exists=True,
        schema_exists=True,
        has_name=case.generation == 1 and not case.old_table,
        rows=(*rows, *case.rows),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}: {case.name}")
def test_each_case_has_its_name_what_drizzle_does_and_what_to_type(case: Case, tmp_path: Path) -> None:
    path = write(case, tmp_path / "drizzle")
    if case.gone or case.journal:
        if case.gone:
            (path / case.gone).unlink()
        with pytest.raises(GateError) as caught:
            read_folder(path)
        assert caught.value.nouns["kind"] == case.says
        assert case.drizzle in str(caught.value.nouns["drizzle"])
        assert case.typed in caught.value.hint
        return
    folder = read_folder(path)
    there = ledger(case, folder)
    lines, pending, found = states(folder, there, NOW)
    problems = (*found, *with_drizzles_part(read_migrations(pending, 18).problems))
    hazards = (*folder.notes, *remarks(lines, pending))
    if case.says in ("ready", "hazard"):
        assert problems == ()
        assert pending or len(case.ran) == len(case.files)
        assert bool(hazards) == (case.says == "hazard")
        assert all(case.drizzle in hazard for hazard in hazards)
        return
    problem = next(p for p in problems if p.kind == case.says)
    assert case.drizzle in problem.drizzle
    assert case.typed in problem.remedy


def test_no_case_is_left_out() -> None:
    assert sorted({case.number for case in CASES} | set(ELSEWHERE)) == list(range(1, 36))
