"""Rollback SQL in both shapes of the runbook: found by time or by name, never guessed between two."""

from pathlib import Path

import pytest

from tasks.drizzle.text import migration
from tasks.gate.plan import Migration
from tasks.rollbacks import FoundRollbacks, find_rollbacks

JUNE = 1_749_996_305_000  # 2025-06-15 14:05:05 UTC


def pending(tag: str, created_at: int | None = JUNE + 123) -> Migration:
    return migration(b"select 1", tag=tag, file=f"{tag}.sql", created_at=created_at, name=None)


def find(folder: Path, *migrations: Migration, files: tuple[str, ...]) -> FoundRollbacks:
    folder.mkdir(exist_ok=True)
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(f"-- {file}")
    return find_rollbacks(folder, migrations)


def chosen(found: FoundRollbacks) -> dict[str, str]:
    return {rollback.tag: rollback.file for rollback in found.rollbacks}


@pytest.mark.parametrize("file", ["0007_note.sql", "rollback_20250615_140505_note.sql", "rollback_20250615_140505.sql"])
def test_both_shapes_are_found(tmp_path: Path, file: str) -> None:
    found = find(tmp_path, pending("0007_note"), files=(file, "rollback_20240101_000000_other.sql", "README.md"))
    assert chosen(found) == {"0007_note": file}
    assert found[1:4] == ((), (), ())
    assert found.rollbacks[0].text == f"-- {file}"
    assert len(found.rollbacks[0].sha256) == 64


def test_the_time_decides_even_when_the_name_is_another(tmp_path: Path) -> None:
    found = find(tmp_path, pending("0007_note"), files=("rollback_20250615_140505_undo_it.sql",))
    assert chosen(found) == {"0007_note": "rollback_20250615_140505_undo_it.sql"}
    assert found.notes == ()


def test_where_no_time_fits_the_only_one_of_that_name_is_taken_and_said(tmp_path: Path) -> None:
    found = find(tmp_path, pending("0007_note"), files=("rollback_20250616_090000_note.sql",))
    assert chosen(found) == {"0007_note": "rollback_20250616_090000_note.sql"}
    (note,) = found.notes
    assert note == (
        "rollback_20250616_090000_note.sql was taken as the rollback of 0007_note by its name; its time is another"
        " (20250615_140505 UTC)"
    )


def test_a_file_whose_time_belongs_to_another_pending_migration_is_not_taken_by_name(tmp_path: Path) -> None:
    found = find(
        tmp_path, pending("0007_note"), pending("0008_other", JUNE + 1000), files=("rollback_20250615_140506_note.sql",)
    )
    assert chosen(found) == {"0008_other": "rollback_20250615_140506_note.sql"}
    assert found.missing == ("0007_note",)


def test_two_migrations_of_one_name_are_not_told_apart_by_it(tmp_path: Path) -> None:
    found = find(
        tmp_path, pending("0007_note"), pending("0008_note", JUNE + 9000), files=("rollback_20240101_000000_note.sql",)
    )
    assert found.missing == ("0007_note", "0008_note")


def test_two_migrations_of_one_second_are_told_apart_by_their_names(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        pending("20250615140505_a"),
        pending("20250615140505_b"),
        files=("rollback_20250615_140505_b.sql", "rollback_20250615_140505_a.sql"),
    )
    assert chosen(found) == {
        "20250615140505_a": "rollback_20250615_140505_a.sql",
        "20250615140505_b": "rollback_20250615_140505_b.sql",
    }


@pytest.mark.parametrize(
    "files",
    [
        ("0007_note.sql", "rollback_20250615_140505_note.sql"),
        ("rollback_20250615_140505_one.sql", "rollback_20250615_140505_two.sql"),
        ("rollback_20240101_000000_note.sql", "rollback_20240102_000000_note.sql"),
    ],
)
def test_two_files_for_one_migration_are_a_problem(tmp_path: Path, files: tuple[str, ...]) -> None:
    found = find(tmp_path, pending("0007_note"), files=files)
    (problem,) = found.problems
    assert problem.cause == f"0007_note has more than one rollback in {tmp_path}: {files[0]} and {files[1]}"
    assert (problem.remedy, found.rollbacks, found.missing) == ("keep the one that is meant", (), ())


def test_of_two_files_of_one_second_the_one_of_that_name_is_meant(tmp_path: Path) -> None:
    files = ("rollback_20250615_140505_note.sql", "rollback_20250615_140505_two.sql")
    assert chosen(find(tmp_path, pending("0007_note"), files=files)) == {"0007_note": files[0]}


def test_a_folder_that_does_not_exist_means_that_none_is_written(tmp_path: Path) -> None:
    found = find_rollbacks(tmp_path / "rollback", [pending("0007_note")])
    assert (found.rollbacks, found.missing, found.problems) == ((), ("0007_note",), ())


@pytest.mark.parametrize(
    "file",
    ["rollback_2025_note.sql", "rollback_20250615140505_note.sql", "rollback_20250615_140505note.sql", "note.sql"],
)
def test_other_names_are_not_rollbacks(tmp_path: Path, file: str) -> None:
    assert find(tmp_path, pending("0007_note"), files=(file,)).missing == ("0007_note",)


def test_a_tag_with_a_folder_has_its_rollback_in_a_folder(tmp_path: Path) -> None:
    assert chosen(find(tmp_path, pending("sub/0007_note"), files=("sub/0007_note.sql",))) == {
        "sub/0007_note": "sub/0007_note.sql"
    }


def test_a_link_that_leads_out_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.sql").write_text("drop table users")
    (tmp_path / "rollback").mkdir()
    (tmp_path / "rollback/0007_note.sql").symlink_to("../elsewhere.sql")
    (problem,) = find_rollbacks(tmp_path / "rollback", [pending("0007_note")]).problems
    assert "leads outside of the migrations folder" in problem.cause


def test_bytes_that_are_no_text_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "0007_note.sql").write_bytes(b"-- caf\xe9")
    (problem,) = find_rollbacks(tmp_path, [pending("0007_note")]).problems
    assert problem.cause == f"{tmp_path}/0007_note.sql is not UTF-8"


def test_a_migration_without_a_time_is_found_by_its_tag(tmp_path: Path) -> None:
    found = find(tmp_path, pending("0007_note", None), files=("0007_note.sql", "rollback_20250615_140505_x.sql"))
    assert chosen(found) == {"0007_note": "0007_note.sql"}
