"""Repairs of a ledger: which are offered, that each leaves the states as they should be, and touches nothing else."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.drizzle.repairs import repairs
from tasks.drizzle.states import states
from tasks.gate.errors import ConfigurationError
from tasks.gate.plan import Folder, Ledger, LedgerRow, Migration, State
from tasks.gate.repair import Offer, chosen
from tests.unit.test_drizzle_states import NOW, T1, T2, T3, A, B, C, entry, folder_of, named, row

OLD_ROWS = "e" * 64


def both(
    generation: int, migrations: list[Migration], rows: list[LedgerRow], *, has_name: bool | None = None
) -> tuple[Folder, Ledger]:
    folder = Folder(tool="drizzle", generation=generation, path="drizzle", migrations=tuple(migrations))
    ledger = Ledger(
        schema_name="drizzle",
        table="__drizzle_migrations",
        exists=True,
        schema_exists=True,
        has_name=generation == 1 if has_name is None else has_name,
        rows=tuple(rows),
    )
    return folder, ledger


def offered(*seen: Folder | Ledger, populated: bool = True, subject: str = "") -> dict[str, Offer]:
    folder, ledger = seen
    assert isinstance(folder, Folder)
    assert isinstance(ledger, Ledger)
    found = repairs(folder, ledger, NOW, populated=populated, subject=subject)
    assert len({offer.subject for offer in found}) == len(found)
    return {offer.subject: offer for offer in found}


def test_a_skipped_migration_is_run_with_its_own_row_or_only_marked() -> None:
    found = offered(*both(0, [A, B, C], [row(1, A, T1), row(2, C, T3)]))
    assert list(found) == ["run 0001_b", "mark 0001_b"]
    run = found["run 0001_b"]
    assert run.script.statements[0] == B.statements[0]
    assert f"values (''{B.hash}'', {T2})" in run.script.statements[-1]
    assert [(r.hash, r.created_at) for r in run.rows] == [(A.hash, T1), (C.hash, T3), (B.hash, T2)]
    assert len(found["mark 0001_b"].script.statements) == 1


def test_a_restamped_row_gets_the_journals_time() -> None:
    found = offered(*both(0, [entry("0000_a", T2, "-- 0000_a")], [row(1, A, T1)]))
    (text,) = found["restamp 0000_a"].script.statements
    assert f'set "created_at" = {T2} where id = 1 and hash = ' in text
    assert "if changed <> 1 then" in text


def test_two_entries_that_exchanged_their_times_are_only_mended_together() -> None:
    swapped = [entry("0000_a", T2, "-- 0000_a"), entry("0001_b", T1, "-- 0001_b")]
    assert list(offered(*both(0, swapped, [row(1, A, T1), row(2, B, T2)]))) == ["restamp"]


def test_a_row_without_a_time_gets_it_or_goes() -> None:
    assert list(offered(*both(0, [A, B], [row(1, A, None), row(2, B, T2)]))) == ["restamp 0000_a"]
    assert list(offered(*both(0, [A], [row(1, A, T1), row(2, OLD_ROWS, None)]))) == ["forget 2"]


def test_a_renamed_folder_gives_its_row_the_new_name_as_drizzle_writes_it() -> None:
    ran, now = folder_of("20250601120000_a", "x"), folder_of("20250602120000_a", "x", T2)
    found = offered(*both(1, [now], [named(1, ran)]))
    assert list(found) == ["rename 20250602120000_a"]
    (after,) = found["rename 20250602120000_a"].rows
    assert (after.name, after.created_at, after.hash) == (now.name, T2, now.hash)


def test_a_row_without_a_name_gets_that_of_the_one_folder_with_its_text() -> None:
    a, b = folder_of("20250601120000_a"), folder_of("20250602120000_b", when=T2)
    assert list(offered(*both(1, [a, b], [named(1, a), row(2, b, T2 + 5)]))) == ["name 20250602120000_b"]
    twin = folder_of("20250603120000_c", "-- 20250602120000_b")
    assert "name 20250602120000_b" not in offered(*both(1, [a, b, twin], [named(1, a), row(2, b, T2 + 5)]))


def test_an_upgrade_shows_the_sql_of_drizzles_own_and_keeps_every_time() -> None:
    a, b = folder_of("20250615150640_a", when=T1), folder_of("20250615150641_b", when=T2)
    found = offered(*both(1, [a, b], [row(1, a, T1 + 108)], has_name=False))
    upgrade = found["upgrade"]
    name, applied_at = upgrade.script.statements[:2]
    assert name == 'ALTER TABLE "drizzle"."__drizzle_migrations" ADD COLUMN IF NOT EXISTS "name" text'
    assert applied_at.endswith('IF NOT EXISTS "applied_at" timestamp with time zone DEFAULT now()')
    assert '"applied_at" = NULL where id = 1' in upgrade.script.statements[2]
    assert [(r.name, r.created_at) for r in upgrade.rows] == [(a.name, T1 + 108)]


def test_what_blocks_an_upgrade_is_removed_first() -> None:
    a = folder_of("20250615150640_a", when=T1)
    seen = both(1, [a], [row(1, a, T1), row(2, OLD_ROWS, T3)], has_name=False)
    assert list(offered(*seen)) == ["forget 2"]


def test_a_database_without_history_is_taken_over_whole_or_up_to_a_migration() -> None:
    seen = both(0, [A, B, C], [])
    assert list(offered(*seen)) == ["baseline"]
    assert [r.hash for r in offered(*seen)["baseline"].rows] == [A.hash, B.hash, C.hash]
    assert len(offered(*seen, subject="baseline 0001_b")["baseline 0001_b"].rows) == 2
    assert offered(*seen, subject="baseline 0009_x") == {}
    assert offered(*seen, populated=False) == {}


def test_the_second_row_of_one_migration_is_the_one_that_goes() -> None:
    assert list(offered(*both(0, [A], [row(1, A, T1), row(2, A, T1)]))) == ["forget 2"]
    a = folder_of("20250601120000_a")
    assert list(offered(*both(1, [a], [named(1, a), named(2, a)]))) == ["forget 2"]


def test_an_edited_migration_is_marked_with_the_hash_of_its_file_as_it_is() -> None:
    found = offered(*both(0, [A], [row(7, OLD_ROWS, T1)]))
    assert [(r.id, r.hash) for r in found["mark 0000_a"].rows] == [(7, A.hash)]


def test_only_the_next_pending_migration_can_be_marked() -> None:
    assert list(offered(*both(0, [A, B, C], [row(1, A, T1)]))) == ["mark 0001_b"]


def test_what_is_not_offered_is_refused_with_what_is() -> None:
    found = offered(*both(0, [A, B, C], [row(1, A, T1), row(2, C, T3)])).values()
    assert chosen(found, "run 0001_b").kind == "run"
    with pytest.raises(ConfigurationError, match="`gate repair run 0000_a` is not offered") as caught:
        chosen(found, "run 0000_a")
    assert caught.value.hint == "offered are: gate repair run 0001_b, gate repair mark 0001_b"


TAGS = [f"2025060{n}120000_{letter}" for n, letter in enumerate("abcde", 1)]
TIMES = [T1 + n * 1000 for n in range(5)]
FILES = st.lists(st.sampled_from(["-- one", "-- two", "-- three", "-- four"]), min_size=1, max_size=5)
ROWS = st.lists(
    st.tuples(
        st.none() | st.sampled_from(TAGS),
        st.none() | st.sampled_from([*TIMES, T1 + 77]),
        st.sampled_from(["-- one", "-- two", "-- three", "-- four", "-- gone"]),
    ),
    max_size=5,
)


@settings(deadline=None)
@given(st.sampled_from([(0, False), (1, True), (1, False)]), FILES, ROWS, st.booleans())
def test_a_repair_mends_what_it_says_and_touches_no_other_row(
    shape: tuple[int, bool], files: list[str], ledger: list[tuple[str | None, int | None, str]], populated: Any
) -> None:
    generation, named_table = shape
    make = entry if generation == 0 else lambda tag, when, text: folder_of(tag, text, when)
    migrations = [make(TAGS[n], TIMES[n], text) for n, text in enumerate(files)]
    rows = [
        row(number, make("x", T1, text), when, name if named_table else None)
        for number, (name, when, text) in enumerate(ledger, 1)
    ]
    folder, table = both(generation, migrations, rows, has_name=named_table)
    before = states(folder, table, NOW)
    for offer in repairs(folder, table, NOW, populated=populated):
        after = table.model_copy(update={"rows": offer.rows, "has_name": offer.has_name})
        lines, _, problems = states(folder, after, NOW)
        now = {line.tag: line.state for line in lines}
        assert all(now[tag] is State.APPLIED for tag in offer.mends)
        assert len(problems) < max(1, len(before[2])) or not before[2]
        if offer.kind != "upgrade":
            changed = {r.id for r in rows} - {r.id for r in rows if r in offer.rows}
            said = {int(n) for text in offer.script.statements for n in re.findall(r" where id = (\d+) ", text)}
            assert changed <= said
            assert len(changed) <= max(1, len(offer.mends))
        assert [r.id for r in offer.rows if r.id is not None] == [
            r.id for r in rows if offer.kind != "forget" or str(r.id) != offer.tag
        ]
