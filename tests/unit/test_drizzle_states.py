"""Every state between a folder and a ledger, for both generations, and the sentence that a person reads."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.drizzle.states import States, states
from tasks.drizzle.text import migration
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration, Problem, State

NOW = 1_760_000_000_000
DAY = 24 * 60 * 60 * 1000
T1, T2, T3 = 1_750_000_000_000, 1_750_000_001_000, 1_750_000_002_000


def entry(tag: str, when: int | None, text: str | None = None) -> Migration:
    return migration((text or f"-- {tag}").encode(), tag=tag, file=f"{tag}.sql", created_at=when, name=None)


def folder_of(name: str, text: str | None = None, when: int | None = T1) -> Migration:
    content = (text or f"-- {name}").encode()
    return migration(content, tag=name, file=f"{name}/migration.sql", created_at=when, name=name)


def row(number: int, of: Migration | str, when: int | None = T1, name: str | None = None) -> LedgerRow:
    hash_ = of if isinstance(of, str) else of.hash
    return LedgerRow(id=number, hash=hash_, created_at=when, name=name)


def named(number: int, of: Migration, name: str | None = "same") -> LedgerRow:
    return row(number, of, of.created_at, of.name if name == "same" else name)


def judge(
    generation: int, migrations: list[Migration], rows: list[LedgerRow], *, has_name: bool | None = None
) -> States:
    folder = Folder(tool="drizzle", generation=generation, path="drizzle", migrations=tuple(migrations))
    ledger = Ledger(
        schema_name="drizzle",
        table="__drizzle_migrations",
        exists=True,
        schema_exists=True,
        has_name=generation == 1 if has_name is None else has_name,
        rows=tuple(rows),
    )
    return states(folder, ledger, NOW)


def told(found: States) -> dict[str, State]:
    return {line.tag: line.state for line in found[0]}


def only(found: States) -> Problem:
    (problem,) = found[2]
    assert problem.remedy
    return problem


A, B, C = entry("0000_a", T1), entry("0001_b", T2), entry("0002_c", T3)
NO_LEDGER = Ledger(
    schema_name="drizzle", table="__drizzle_migrations", exists=False, schema_exists=False, has_name=False, rows=()
)


class TestJournal:
    def test_what_has_its_row_is_applied_and_what_comes_after_is_pending(self) -> None:
        found = judge(0, [A, B, C], [row(1, A, T1), row(2, B, T2)])
        assert told(found) == {"0000_a": State.APPLIED, "0001_b": State.APPLIED, "0002_c": State.PENDING}
        assert (found[1], found[2]) == ((C,), ())

    def test_without_a_ledger_everything_is_pending(self) -> None:
        for generation, migrations in ((0, (A, B)), (1, (folder_of("20250601120000_a"),))):
            folder = Folder(tool="drizzle", generation=generation, path="drizzle", migrations=migrations)
            assert states(folder, NO_LEDGER, NOW)[1:] == (migrations, ())

    def test_an_unsorted_journal_is_pending_as_a_whole_on_an_empty_ledger_in_its_own_order(self) -> None:
        assert judge(0, [B, A, C], [])[1:] == ((B, A, C), ())

    def test_what_drizzle_would_silently_skip_is_refused_with_the_repair(self) -> None:
        found = judge(0, [A, B, C], [row(1, A, T1), row(2, C, T3)])
        assert told(found)["0001_b"] is State.SKIPPED
        problem = only(found)
        assert problem.cause == (
            f"0001_b has no row in drizzle.__drizzle_migrations, and its time {T2} is not after the newest applied one"
            f" ({T3})"
        )
        assert problem.drizzle == ("skips it, now and for ever, exits 0 and prints `migrations applied successfully!`")
        assert "`gate repair run 0001_b`, which runs it now and writes its own row" in problem.remedy

    def test_a_new_entry_with_the_very_time_of_the_newest_row_is_skipped(self) -> None:
        twin = entry("0001_twin", T1)
        assert told(judge(0, [A, twin], [row(1, A, T1)]))["0001_twin"] is State.SKIPPED

    def test_two_entries_of_one_time_that_both_ran_are_applied(self) -> None:
        twin = entry("0001_twin", T1)
        found = judge(0, [A, twin], [row(1, A, T1), row(2, twin, T1)])
        assert found[1:] == ((), ())
        assert set(told(found).values()) == {State.APPLIED}

    def test_a_file_that_was_edited_after_it_ran_is_named_with_its_row(self) -> None:
        found = judge(0, [A, B], [row(7, "f" * 64, T1), row(8, B, T2)])
        problem = only(found)
        assert (problem.kind, problem.tag) == ("edited", "0000_a")
        assert problem.cause == (
            "0000_a.sql was edited after it ran: row 7 of drizzle.__drizzle_migrations has hash ffffffffffff,"
            f" the file has {A.hash[:12]}"
        )
        assert problem.remedy == (
            "restore the file as it ran, and put the change into a new migration; or, when production has the change"
            " already, `gate repair mark 0000_a`"
        )

    @pytest.mark.parametrize(("ran", "now"), [("a;\nb;\n", "a;\r\nb;\r\n"), ("a;\r\nb;\r\n", "a;\nb;\n")])
    def test_other_line_endings_are_not_called_an_edit(self, ran: str, now: str) -> None:
        changed = entry("0000_a", T1, now)
        problem = only(judge(0, [changed], [row(1, hashlib.sha256(ran.encode()).hexdigest(), T1)]))
        assert "is the text that ran, but with other line endings" in problem.cause
        assert ".gitattributes" in problem.remedy

    def test_an_entry_whose_time_was_changed_is_restamped(self) -> None:
        found = judge(0, [entry("0000_a", T2, "-- 0000_a")], [row(1, A, T1)])
        problem = only(found)
        assert told(found) == {"0000_a": State.RESTAMPED}
        assert problem.cause == (
            f"0000_a ran under another time: row 1 of drizzle.__drizzle_migrations has {T1}, the journal has {T2}"
        )
        assert problem.drizzle == "runs it a second time"
        assert problem.remedy == (
            f'set "when" of 0000_a in the journal to {T1}, as it was when it ran; or `gate repair restamp 0000_a`,'
            " which gives the row the journal's time"
        )

    def test_two_entries_that_exchanged_their_times_are_restamped_and_not_edited(self) -> None:
        swapped = [entry("0000_a", T2, "-- 0000_a"), entry("0001_b", T1, "-- 0001_b")]
        found = judge(0, swapped, [row(1, A, T1), row(2, B, T2)])
        assert [(p.kind, p.tag) for p in found[2]] == [("restamped", "0000_a"), ("restamped", "0001_b")]

    def test_a_row_without_a_file_that_is_the_newest_blocks_what_comes_after_it(self) -> None:
        found = judge(0, [A, B], [row(1, A, T1), row(2, "e" * 64, T3)])
        assert [p.kind for p in found[2]] == ["skipped", "foreign-row"]
        assert "takes its time for the newest one, skips every migration that is older" in found[2][1].drizzle

    def test_a_row_without_a_file_is_unknown(self) -> None:
        found = judge(0, [A, C], [row(1, A, T1), row(2, "e" * 64, T2), row(3, C, T3)])
        assert told(found)["row 2"] is State.UNKNOWN
        assert only(found).kind == "unknown"
        assert only(found).cause == (
            "row 2 of drizzle.__drizzle_migrations (hash eeeeeeeeeeee, 2025-06-15 15:06:41 UTC) belongs to no file of"
            " this folder"
        )

    def test_a_row_without_a_time_is_a_poison(self) -> None:
        found = judge(0, [A, B], [row(1, A, None), row(2, B, T2)])
        assert told(found)["0000_a"] is State.POISON
        assert only(found).cause == "row 1 of drizzle.__drizzle_migrations has no created_at"
        assert "runs every migration of the folder again" in only(found).drizzle

    def test_a_foreign_row_without_a_time_is_a_poison_too(self) -> None:
        found = judge(0, [A], [row(1, A, T1), row(2, "e" * 64, None)])
        assert told(found)["row 2"] is State.POISON
        assert only(found).kind == "no-time"

    def test_a_migration_that_ran_twice_is_a_poison(self) -> None:
        problem = only(judge(0, [A], [row(1, A, T1), row(2, A, T1)]))
        assert "holds 2 rows with hash" in problem.cause
        assert "ran 2 times, probably by two migrators at once" in problem.cause

    def test_a_row_of_the_future_is_a_poison(self) -> None:
        later = entry("0001_later", NOW + 400 * DAY)
        problem = only(judge(0, [A, later], [row(1, A, T1), row(2, later, later.created_at)]))
        assert "row 2 of drizzle.__drizzle_migrations is dated 2026-11-13 08:53:20 UTC, in the future" in problem.cause

    def test_a_clock_that_is_off_by_hours_is_no_problem(self) -> None:
        assert judge(0, [entry("0000_a", NOW + DAY // 2)], [])[2] == ()

    def test_a_pending_entry_of_the_future_would_poison_the_ledger(self) -> None:
        problem = only(judge(0, [entry("0000_a", NOW + 2 * DAY)], []))
        assert problem.kind == "future-entry"
        assert "from then on skips every migration that is generated before that time" in problem.drizzle

    def test_a_time_beyond_every_calendar_is_still_said(self) -> None:
        assert f"is dated {2**53 - 1} ms after 1970" in only(judge(0, [entry("0000_a", 2**53 - 1)], [])).cause

    def test_an_entry_whose_time_cannot_be_written_is_refused(self) -> None:
        problem = only(judge(0, [entry("0000_a", None)], []))
        assert problem.cause == 'the journal\'s "when" of 0000_a is not a whole number of milliseconds'

    def test_equal_texts_under_different_times_are_different_migrations(self) -> None:
        same = [entry("0000_custom", T1, "-- custom"), entry("0001_custom", T2, "-- custom")]
        found = judge(0, same, [row(1, same[0], T1)])
        assert told(found) == {"0000_custom": State.APPLIED, "0001_custom": State.PENDING}
        assert found[2] == ()

    def test_a_journal_on_an_upgraded_table_is_refused(self) -> None:
        for rows in ([], [row(1, A, T1, "20250615_a")]):
            problem = only(judge(0, [A], rows, has_name=True))
            assert problem.kind == "upgraded-table"
            assert "was upgraded by Drizzle 1.0" in problem.cause


class TestFolders:
    A, B, C = folder_of("20250601120000_a"), folder_of("20250602120000_b"), folder_of("20250603120000_c")

    def test_a_name_that_the_ledger_lacks_is_pending(self) -> None:
        found = judge(1, [self.A, self.B], [named(1, self.A)])
        assert told(found) == {self.A.tag: State.APPLIED, self.B.tag: State.PENDING}
        assert found[1:] == ((self.B,), ())

    def test_an_older_folder_that_came_later_is_pending_and_says_so(self) -> None:
        lines, pending, problems = judge(1, [self.A, self.B, self.C], [named(1, self.A), named(2, self.C)])
        assert (pending, problems) == ((self.B,), ())
        assert lines[1].sentence == f"older than {self.C.tag}, which is applied already"

    def test_an_edited_folder_is_named_with_its_row(self) -> None:
        changed = folder_of(self.A.tag, "-- other")
        problem = only(judge(1, [changed], [named(3, self.A)]))
        assert "20250601120000_a/migration.sql was edited after it ran: row 3" in problem.cause

    def test_other_line_endings_are_not_called_an_edit(self) -> None:
        changed = folder_of(self.A.tag, "a\r\n")
        hash_ = hashlib.sha256(b"a\n").hexdigest()
        assert "with other line endings" in only(judge(1, [changed], [row(1, hash_, T1, self.A.tag)])).cause

    def test_a_renamed_folder_would_run_again(self) -> None:
        found = judge(1, [folder_of("20250601120000_new", "-- 20250601120000_a")], [named(1, self.A)])
        problem = only(found)
        assert told(found) == {"20250601120000_new": State.RENAMED}
        assert problem.cause == (
            "20250601120000_new has the content that ran as 20250601120000_a (row 1 of drizzle.__drizzle_migrations):"
            " the folder was renamed"
        )
        assert problem.drizzle == "runs it a second time"

    def test_a_second_folder_with_the_same_text_is_no_rename(self) -> None:
        custom = [folder_of("20250601120000_x", "-- custom"), folder_of("20250602120000_y", "-- custom")]
        found = judge(1, custom, [named(1, custom[0])])
        assert told(found)["20250602120000_y"] is State.PENDING
        assert found[2] == ()

    def test_a_row_without_a_folder_is_unknown(self) -> None:
        found = judge(1, [self.A], [named(1, self.A), named(2, self.B)])
        assert told(found)[self.B.tag] is State.UNKNOWN
        assert only(found).cause == f"row 2 of drizzle.__drizzle_migrations, {self.B.tag}, belongs to no folder here"

    def test_a_row_without_a_name_would_run_again(self) -> None:
        found = judge(1, [self.A, self.B], [named(1, self.A), named(2, self.B, None)])
        assert told(found)["row 2"] is State.UNNAMED
        problem = only(found)
        assert problem.kind == "unnamed"
        assert (
            "row 2 of drizzle.__drizzle_migrations has no name (the row of 20250602120000_b by its hash)"
            in problem.cause
        )
        assert "`gate repair name 20250602120000_b`" in problem.remedy

    def test_an_unnamed_row_of_unknown_content_is_to_be_found_out(self) -> None:
        problem = only(judge(1, [self.A], [named(1, self.A), row(2, "e" * 64)]))
        assert "find out what row 2 is" in problem.remedy

    def test_a_migration_that_ran_twice_is_a_poison(self) -> None:
        problem = only(judge(1, [self.A], [named(1, self.A), named(2, self.A)]))
        assert f"holds 2 rows named {self.A.tag}: it ran 2 times" in problem.cause

    def test_a_pending_folder_without_fourteen_digits_is_refused(self) -> None:
        problem = only(judge(1, [folder_of("init", when=None)], []))
        assert "the folder init does not begin with 14 digits of time" in problem.cause

    def test_names_whose_order_depends_on_the_locale_are_refused_where_it_matters(self) -> None:
        found = judge(1, [folder_of("20250601120000_č"), folder_of("20250601120000_d")], [])
        assert "depends on the locale of the machine that runs Drizzle" in only(found).cause
        assert judge(1, [folder_of("20250601120000_č"), folder_of("20250601120001_d")], [])[2] == ()


class TestUpgrade:
    """A folder of Drizzle 1.0 on a table of Drizzle 0.x."""

    A, B = folder_of("20250615150640_a", when=T1), folder_of("20250615150641_b", when=T2)
    C = folder_of("20250615150642_c", when=T3)

    def test_rows_are_matched_by_their_second_and_the_upgrade_comes_before_anything_pending(self) -> None:
        found = judge(1, [self.A, self.B], [row(1, self.A, T1 + 108)], has_name=False)
        assert told(found) == {self.A.tag: State.APPLIED, self.B.tag: State.PENDING}
        problem = only(found)
        assert problem.kind == "upgrade"
        assert "has the shape of Drizzle 0.x (no column name)" in problem.cause

    def test_an_empty_table_of_the_old_shape_is_in_the_way_and_may_go(self) -> None:
        problem = only(judge(1, [self.A], [], has_name=False))
        assert problem.kind == "upgrade"
        assert problem.remedy.startswith("drop drizzle.__drizzle_migrations, which is empty")

    def test_what_drizzle_0_skipped_would_run_right_after_the_upgrade(self) -> None:
        found = judge(1, [self.A, self.B, self.C], [row(1, self.A, T1), row(2, self.C, T3)], has_name=False)
        assert told(found)[self.B.tag] is State.PENDING
        assert only(found).drizzle == (
            "1.0 upgrades the table as soon as it is started, and then runs what 0.x had skipped: 20250615150641_b"
        )

    def test_a_row_of_no_folder_blocks_the_upgrade(self) -> None:
        found = judge(1, [self.A], [row(1, self.A, T1), row(2, "e" * 64, T3)], has_name=False)
        assert [p.kind for p in found[2]] == ["upgrade-blocked", "upgrade"]

    def test_a_hand_made_row_is_matched_by_its_hash(self) -> None:
        found = judge(1, [self.A, self.B], [row(1, self.A, T1), row(2, self.B, None)], has_name=False)
        assert set(told(found).values()) == {State.APPLIED}

    def test_two_rows_of_one_second_and_one_text_would_get_one_name(self) -> None:
        twins = [folder_of("20250615150640_a", "select 1"), folder_of("20250615150640_b", "select 1")]
        found = judge(1, twins, [row(1, twins[0], T1 + 1), row(2, twins[1], T1 + 2)], has_name=False)
        assert [p.kind for p in found[2]] == ["upgrade-ambiguous", "upgrade"]
        assert told(found)[twins[1].tag] is State.PENDING

    def test_the_upgrade_overlooks_an_edit_and_the_gate_does_not(self) -> None:
        found = judge(1, [self.A], [row(1, "e" * 64, T1 + 5)], has_name=False)
        assert [p.kind for p in found[2]] == ["upgrade", "edited"]


def drizzle_would_run(generation: int, migrations: list[Migration], rows: list[LedgerRow]) -> tuple[Migration, ...]:
    """Drizzle's own rule, as it is written in its two generations."""
    if generation == 1:
        return tuple(m for m in migrations if m.name not in {r.name for r in rows})
    newest = max((r.created_at for r in rows if r.created_at is not None), default=None)
    if any(r.created_at is None for r in rows):
        newest = 0  # NULL sorts first, and Number(null) is 0
    return tuple(m for m in migrations if newest is None or newest < (m.created_at or 0))


TAGS = st.sampled_from(["20250601120000_a", "20250601120001_b", "20250601120002_c", "20250601120003_d"])
TIMES = st.sampled_from([T1, T2, T3, T3 + 1000])
TEXTS = st.sampled_from(["-- one", "-- two", "-- three\n"])
MIGRATIONS = st.lists(st.tuples(TAGS, TIMES, TEXTS), max_size=4, unique_by=lambda drawn: drawn[0])
ROWS = st.lists(st.tuples(st.none() | TAGS, st.none() | TIMES, TEXTS), max_size=4)


@settings(deadline=None)
@given(st.sampled_from([0, 1]), MIGRATIONS, ROWS, st.integers(0, 4))
def test_without_a_problem_exactly_that_is_pending_which_drizzle_would_run(
    generation: int, files: list[tuple[str, int, str]], ledger: list[tuple[str, int, str]], kept: int
) -> None:
    make = entry if generation == 0 else lambda tag, when, text: folder_of(tag, text, when)
    migrations = [make(tag, when, text) for tag, when, text in files]
    drawn = [*files[:kept], *ledger[: 4 - kept]]
    rows = [
        row(number, make("20250601120000_x", T1, text), when, name if generation == 1 else None)
        for number, (name, when, text) in enumerate(drawn)
    ]
    lines, pending, problems = judge(generation, migrations, rows)
    strange = [line for line in lines if line.state not in (State.APPLIED, State.PENDING)]
    if not problems:
        assert pending == drizzle_would_run(generation, migrations, rows)
        assert strange == []
    assert bool(strange) <= bool(problems)
    assert all(p.cause and p.remedy and p.kind and p.drizzle for p in problems)
