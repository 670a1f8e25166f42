"""Reading a folder as Drizzle does, and every way in which it cannot be read."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tasks.drizzle.collation import locale_key
from tasks.drizzle.folder import read_folder
from tasks.drizzle.folders import stamp_milliseconds
from tasks.drizzle.journal import milliseconds
from tasks.drizzle.text import whole
from tasks.gate.errors import ConfigurationError, GateError, Refused
from tasks.migration_files import LARGEST

WHEN = 1_750_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "drizzle"
    (path / "meta").mkdir(parents=True)
    return path


def write(folder: Path, *entries: Any, files: dict[str, bytes | str] | None = None, **journal: Any) -> Path:
    """A journal; each entry is a tag or the whole object."""
    listed = [{"tag": entry, "when": WHEN + n} if isinstance(entry, str) else entry for n, entry in enumerate(entries)]
    (folder / "meta/_journal.json").write_text(json.dumps({"dialect": "postgresql", "entries": listed, **journal}))
    contents = files if files is not None else {e["tag"]: f"select {n}" for n, e in enumerate(listed)}
    for tag, content in contents.items():
        (folder / f"{tag}.sql").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{tag}.sql").write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def newer(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "migration.sql").write_text(f"select '{name}'")
    return folder


def refusal(folder: Path, kind: type[GateError] = Refused) -> str:
    with pytest.raises(kind) as caught:
        read_folder(folder)
    assert type(caught.value) is kind
    assert caught.value.hint
    return str(caught.value).replace(str(folder.parent), "")


def test_the_journal_decides_which_files_run_and_in_which_order(folder: Path) -> None:
    found = read_folder(write(folder, "0001_b", "0000_a", files={"0000_a": "a", "0001_b": "b", "0009_orphan": "o"}))
    assert [m.tag for m in found.migrations] == ["0001_b", "0000_a"]
    assert (found.generation, found.orphans) == (0, ("0009_orphan.sql",))


def test_the_text_is_split_at_the_exact_marker_and_nothing_is_trimmed(folder: Path) -> None:
    text = "a;\n--> statement-breakpoint\n\nb;--> statement-breakpoint\n-->statement-breakpoint\n"
    (migration,) = read_folder(write(folder, "0000_a", files={"0000_a": text})).migrations
    assert migration.statements == ("a;\n", "\n\nb;", "\n-->statement-breakpoint\n")
    assert whole(migration) == text


@pytest.mark.parametrize(
    "content",
    [b"select 1;\r\n", b"\xef\xbb\xbfselect 1", "größe 🙂".encode(), b""],
    ids=["crlf", "bom", "unicode", "empty"],
)
def test_the_hash_of_valid_text_is_that_of_the_files_bytes(folder: Path, content: bytes) -> None:
    (migration,) = read_folder(write(folder, "0000_a", files={"0000_a": content})).migrations
    assert migration.hash == hashlib.sha256(content).hexdigest()


def test_bytes_that_are_no_text_are_replaced_before_they_are_hashed(folder: Path) -> None:
    (migration,) = read_folder(write(folder, "0000_a", files={"0000_a": b"caf\xe9"})).migrations
    assert migration.statements == ("caf\ufffd",)
    assert migration.hash == hashlib.sha256("caf\ufffd".encode()).hexdigest()


def test_an_empty_list_of_entries_is_legal_and_means_that_nothing_is_to_do(folder: Path) -> None:
    assert read_folder(write(folder)).migrations == ()


def test_a_tag_may_name_a_folder_below(folder: Path) -> None:
    assert read_folder(write(folder, "sub/0000_a")).migrations[0].file == "sub/0000_a.sql"


@pytest.mark.parametrize(
    ("when", "expected"),
    [(5, 5), ("5", 5), (5.0, 5), (0, 0), (-1, -1), (1.5, None), (None, None), (True, None), ("x", None), (2**60, None)],
)
def test_the_time_is_what_drizzle_would_insert(when: Any, expected: int | None) -> None:
    assert milliseconds(when) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "meta/_journal.json is empty"),
        ("\ufeff{}", "starts with a byte order mark, with which Drizzle cannot read it"),
        ("<<<<<<< HEAD", "is not valid JSON: Expecting value in line 1, column 1"),
        ('{"entries": NaN}', "is not valid JSON: NaN is not JSON"),
        ("[" * 100_000, "is not valid JSON: nested too deeply"),
        ("[]", 'has no list "entries"'),
        ('{"dialect": "postgresql"}', 'has no list "entries"'),
        ('{"dialect": "mysql", "entries": []}', "is for mysql, not for PostgreSQL"),
        ('{"entries": [1]}', "has no usable tag in entry 0"),
        ('{"entries": [{"when": 1}]}', "has no usable tag in entry 0"),
        ('{"entries": [{"tag": "\\u0000", "when": 1}]}', "has no usable tag in entry 0"),
        ('{"entries": [{"tag": "\\ud800", "when": 1}]}', "has no usable tag in entry 0"),
        ('{"entries": [{"tag": "0000_a"}]}', 'has no "when" in the entry of 0000_a'),
    ],
)
def test_a_journal_that_cannot_be_used_is_refused_with_the_cause(folder: Path, text: str, sentence: str) -> None:
    (folder / "meta/_journal.json").write_text(text)
    with pytest.raises(Refused) as caught:
        read_folder(folder)
    assert sentence in caught.value.message
    assert str(caught.value.nouns["kind"]).startswith("journal-")
    assert caught.value.hint
    assert caught.value.nouns["drizzle"]


def test_a_listed_file_that_is_missing_is_named_though_it_may_be_long_applied(folder: Path) -> None:
    write(folder, "0000_a", "0001_b", files={"0000_a": "a"})
    sentence = refusal(folder)
    assert "the journal lists 0001_b, but /drizzle/0001_b.sql does not exist" in sentence
    assert "Drizzle needs every listed file, also those that were applied years ago" in sentence


def test_a_file_that_differs_only_in_case_is_pointed_at(folder: Path) -> None:
    write(folder, "0000_Add", files={"0000_add": "a"})
    assert "the folder has 0000_add.sql, which differs in upper and lower case or in accents" in refusal(folder)


def test_a_tag_that_is_listed_twice_is_refused(folder: Path) -> None:
    assert "lists 0000_a 2 times" in refusal(write(folder, "0000_a", "0000_a"))


def test_a_folder_that_does_not_exist_is_a_wrong_setting(tmp_path: Path) -> None:
    sentence = refusal(tmp_path / "drizzle", ConfigurationError)
    assert sentence.startswith("the migrations folder /drizzle does not exist")
    assert "set GATE_MIGRATIONS" in sentence


def test_a_file_where_a_folder_is_expected_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "drizzle").touch()
    assert "is a file, and a folder of migrations was expected" in refusal(tmp_path / "drizzle", ConfigurationError)


def test_a_folder_with_nothing_of_drizzles_says_what_it_looked_for(folder: Path) -> None:
    assert "holds no Drizzle migrations: neither meta/_journal.json nor */migration.sql" in refusal(
        folder, ConfigurationError
    )
    (folder / "0000_a.sql").touch()
    assert "1 .sql files, but no meta/_journal.json" in refusal(folder, ConfigurationError)


def test_the_right_folder_is_named_when_it_is_near(folder: Path) -> None:
    write(folder, "0000_a")
    for wrong in (folder / "meta", folder.parent):
        with pytest.raises(ConfigurationError) as caught:
            read_folder(wrong)
        assert caught.value.hint == f"{folder} does: set GATE_MIGRATIONS to it"


def test_two_generations_in_one_folder_are_refused(folder: Path) -> None:
    newer(write(folder, "0000_a"), "20250601120000_b")
    (folder / "20250601120000_b/snapshot.json").touch()
    assert "holds both meta/_journal.json and 20250601120000_b/migration.sql" in refusal(folder)


def test_folders_that_prisma_left_beside_a_journal_are_ignored_as_drizzle_does_and_named(folder: Path) -> None:
    found = read_folder(newer(write(folder, "0000_a"), "20250601120000_b"))
    assert [m.tag for m in found.migrations] == ["0000_a"]
    assert found.orphans == ("20250601120000_b/migration.sql",)


def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path) -> None:
    write(folder, "0000_a", files={})
    (folder.parent / "elsewhere.sql").write_text("drop table users")
    (folder / "0000_a.sql").symlink_to(folder.parent / "elsewhere.sql")
    assert "0000_a.sql leads outside of the migrations folder, to /elsewhere.sql" in refusal(folder)


def test_a_link_within_the_folder_may_be_used(folder: Path) -> None:
    write(folder, "0000_a", files={"original": "select 1"})
    (folder / "0000_a.sql").symlink_to("original.sql")
    assert read_folder(folder).migrations[0].statements == ("select 1",)


@pytest.mark.parametrize("tag", ["../outside", "/etc/hostname"])
def test_a_tag_cannot_reach_outside(folder: Path, tag: str) -> None:
    (folder.parent / "outside.sql").write_text("select 1")
    write(folder, {"tag": tag, "when": 1}, files={})
    assert "outside" in refusal(folder) or "does not exist" in refusal(folder)


def test_something_else_than_a_file_is_refused_without_waiting_for_it(folder: Path) -> None:
    write(folder, "0000_a", files={})
    os.mkfifo(folder / "0000_a.sql")
    assert "is not a regular file" in refusal(folder)


def test_a_file_of_absurd_size_is_refused(folder: Path) -> None:
    write(folder, "0000_a", files={})
    with (folder / "0000_a.sql").open("wb") as file:
        file.truncate(LARGEST + 1)
    assert "is larger than 64 MiB" in refusal(folder)


def test_folders_are_ordered_as_javascript_orders_them_and_others_are_ignored(tmp_path: Path) -> None:
    names = ["20250601120000_a", "20250601120000_B", "20250601120000_a_b", "20250601120000_a-b", "20250601120000_a1"]
    folder = newer(tmp_path / "drizzle", *names)
    (folder / "20250602120000_without").mkdir()
    (folder / "notes.txt").touch()
    found = read_folder(folder)
    expected = ["20250601120000_a", "20250601120000_a_b", "20250601120000_a-b", "20250601120000_a1", "20250601120000_B"]
    assert [m.name for m in found.migrations] == expected
    assert (found.generation, found.orphans) == (1, ("20250602120000_without",))


def test_lower_case_comes_first_only_where_nothing_else_differs() -> None:
    assert sorted(["B", "a", "A", "b", "ab", "Aa"], key=locale_key) == ["a", "A", "Aa", "ab", "b", "B"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20261122191429_init", 1_795_374_869_000),
        ("20260808006000_one_o_clock", 1_786_150_800_000),  # 00:60:00
        ("20261399000000", 1_807_228_800_000),  # day 99 of January 2027
        ("00990101000000", 915_148_800_000),  # the year 99 is 1999
        ("99999999999999", 253_637_152_839_000),
        ("2026112219142", None),
        ("init", None),
        ("2026112219142x_init", None),
        ("²0261122191429_init", None),
    ],
)
def test_a_folders_time_overflows_as_in_javascript(name: str, expected: int | None) -> None:
    assert stamp_milliseconds(name) == expected
