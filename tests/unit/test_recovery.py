"""Which way back: by evidence and policy alone, and in a sentence for the person on call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gate.accounts import TableAccount, account_sentence
from tasks.gate.names import failed_name, restore_name
from tasks.gate.production import LedgerShows, ProductionState, Settled, Standing, settle
from tasks.gate.recovery import Circumstances, Rung, choose_rung
from tasks.gate.row_merge import Row, count_differences, not_before, pairs

SEEN = ProductionState(
    database="shop",
    same_database=True,
    primary=True,
    timeline=1,
    timeline_of_plan=1,
    ledger=LedgerShows.AFTER,
    ledger_rows=3,
    ledger_head="h",
)
NOW = Circumstances(standing=Standing.APPLIED, seen="", rollback_holds=True, backup_proved=True)


def seen(**changes: object) -> Settled:
    return settle(SEEN.model_copy(update=changes))


def chosen(**changes: object) -> tuple[Rung, str]:
    choice = choose_rung(NOW.model_copy(update=changes))
    return choice.rung, choice.sentence


@pytest.mark.parametrize(
    ("changes", "standing", "words"),
    [
        ({}, Standing.APPLIED, "the plan is applied: the ledger is exactly as it leaves it"),
        ({"transaction": "committed"}, Standing.APPLIED, "the plan is applied"),
        ({"transaction": "aborted"}, Standing.UNKNOWN, "but its transaction is aborted"),
        ({"transaction": "aborted", "timeline": 2}, Standing.APPLIED, "the plan is applied"),
        ({"ledger": LedgerShows.BEFORE}, Standing.UNTOUCHED, "nothing of the plan is in production"),
        ({"ledger": LedgerShows.BEFORE, "transaction": "aborted"}, Standing.UNTOUCHED, "nothing of the plan"),
        (
            {"ledger": LedgerShows.BEFORE, "transaction": "committed"},
            Standing.PARTLY,
            "a part of the plan is committed",
        ),
        (
            {"ledger": LedgerShows.BEFORE, "transaction": "committed", "timeline": 2},
            Standing.UNTOUCHED,
            "nothing of the plan",
        ),
        ({"ledger": LedgerShows.OTHER}, Standing.UNKNOWN, "(3 rows) is neither as before nor as after the plan"),
        ({"same_database": False}, Standing.UNKNOWN, "is not the database that the plan was made for"),
        ({"primary": False}, Standing.UNKNOWN, "answers from a standby"),
        ({"in_flight": ("pid 7 (active for 3 s)",)}, Standing.UNKNOWN, "still at work there: pid 7"),
    ],
)
def test_what_production_shows_is_settled_by_evidence(changes: dict[str, object], standing: Standing, words: str):
    settled = seen(**changes)
    assert settled.standing is standing
    assert words in settled.sentence


@pytest.mark.parametrize(
    ("changes", "rung", "words"),
    [
        ({"standing": Standing.UNTOUCHED}, Rung.TRANSACTION, "nothing was committed"),
        ({"standing": Standing.UNKNOWN, "seen": "nobody knows"}, Rung.HALT, "nobody knows"),
        ({"standing": Standing.PARTLY, "seen": "a part is in"}, Rung.RESTORE, "a part is in; the proved backup is"),
        ({}, Rung.ROLLBACK, "the rehearsed rollback SQL is the smallest way back"),
        ({"allow_rollback": False}, Rung.RESTORE, "the policy does not allow rollback SQL; the proved backup"),
        ({"rollback_holds": False}, Rung.RESTORE, "no rollback SQL was proved in the rehearsal; "),
        ({"rollback_holds": False, "rollback_sentence": "it left an index"}, Rung.RESTORE, "it left an index; "),
        ({"rollback_failed": "no such table"}, Rung.RESTORE, "failed in production (no such table)"),
        ({"rollback_holds": False, "allow_restore": False}, Rung.HALT, ", and the policy does not allow a restore"),
        ({"rollback_holds": False, "backup_proved": False}, Rung.HALT, "there is no proved backup"),
        ({"rollback_failed": "x", "restore_failed": "y"}, Rung.HALT, "the restore failed (y)"),
        ({"rollback_holds": False, "logical_slots": ("debezium",)}, Rung.HALT, "would be lost: debezium"),
        ({"rollback_holds": False, "subscriptions": ("s",)}, Rung.HALT, "subscriptions hang on this very database"),
        ({"rollback_holds": False, "bytes": 1000, "free_bytes": 1050}, Rung.HALT, "there is no room beside it"),
        ({"rollback_holds": False, "bytes": 1000, "free_bytes": 1100}, Rung.RESTORE, "swapped in"),
    ],
)
def test_the_first_rung_that_holds_is_chosen(changes: dict[str, object], rung: Rung, words: str):
    found, sentence = chosen(**changes)
    assert found is rung
    assert words in sentence


@given(st.builds(Circumstances, standing=st.sampled_from(Standing), seen=st.just("seen")))
def test_no_rung_is_chosen_that_policy_or_evidence_forbids(now: Circumstances):
    rung = choose_rung(now).rung
    if rung is Rung.ROLLBACK:
        assert now.allow_rollback
        assert now.rollback_holds
        assert not now.rollback_failed
    if rung is Rung.RESTORE:
        assert now.allow_restore
        assert now.backup_proved
        assert (now.logical_slots, now.subscriptions, now.restore_failed) == ((), (), "")
    if now.standing is Standing.UNKNOWN:
        assert rung is Rung.HALT
    assert (rung is Rung.TRANSACTION) is (now.standing is Standing.UNTOUCHED)


def test_names_beside_production_carry_the_whole_release_where_there_is_room():
    assert failed_name("shop", "20261123-140509-shop-1a2b3c") == "shop_failed_20261123-140509-shop-1a2b3c"
    assert restore_name("shop", "20261123-140509-shop-1a2b3c") == "shop_restore_20261123-140509-shop-1a2b3c"


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=63),
    st.text("ab-1", max_size=90),
)
def test_names_beside_production_always_fit_into_postgresql(database: str, release: str):
    for name in (failed_name(database, release), restore_name(database, release)):
        assert len(name.encode()) <= 63
    assert failed_name(database, release) != restore_name(database, release)


def test_a_long_name_is_cut_but_not_the_release_in_it():
    name = failed_name("ä" * 31, "20261123-140509-a-very-long-target-name-that-goes-on-1a2b3c")
    assert name.endswith("_failed_20261123-140509-1a2b3c")
    assert len(name.encode()) in {62, 63}


def test_the_account_names_tables_and_rows():
    tables = [
        TableAccount(table="public.order_items", inserted=7),
        TableAccount(table="public.orders", inserted=28, updated=4, by_migration=2, deleted=1),
    ]
    assert account_sentence("shop_failed_1", tables) == (
        "37 rows written since the backup are only in shop_failed_1 (orders 30 and order_items 7)"
        "; 1 row deleted since the backup came back (orders 1)"
    )


def test_the_account_of_nothing_says_so():
    assert account_sentence("shop_failed_1", []) == ("no row was written since the backup")


def row(key: str, content: int = 1, xmin: int = 10) -> Row:
    return Row((key,), content, f"({key},1)", xmin)


def test_rows_are_paired_by_key_in_one_pass():
    left, right = [row("a"), row("b"), row("b"), row("d")], [row("b"), row("c"), row("d")]
    found = [(x.key[0] if x else "", y.key[0] if y else "") for x, y in pairs(iter(left), iter(right))]
    assert found == [("a", ""), ("b", "b"), ("b", ""), ("", "c"), ("d", "d")]


def test_differences_leave_out_what_came_after_the_swap_and_tell_the_migration_apart():
    failed = [row("a"), row("b", 2), row("c", 2, xmin=50), row("d", xmin=50)]
    restored = [row("a"), row("b"), row("c"), row("e"), row("f", xmin=99)]
    counted = count_differences(iter(failed), iter(restored), boundary=90, migration={50}, keep_at_most=10)
    assert (counted.inserted, counted.updated, counted.deleted) == (1, 2, 1)
    assert counted.by_migration == 2
    assert (counted.failed, counted.restored) == (4, 4)
    assert counted.keep == ["(b,1)"]


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 3)), st.dictionaries(st.text(max_size=3), st.integers(0, 3)))
def test_counting_agrees_with_sets(failed: dict[str, int], restored: dict[str, int]):
    def stream(rows: dict[str, int]) -> list[Row]:
        return [row(key, content) for key, content in sorted(rows.items())]

    counted = count_differences(
        iter(stream(failed)), iter(stream(restored)), boundary=None, migration=(), keep_at_most=99
    )
    assert counted.inserted == len(failed.keys() - restored.keys())
    assert counted.deleted == len(restored.keys() - failed.keys())
    assert counted.updated == sum(failed[k] != restored[k] for k in failed.keys() & restored.keys())
    assert len(counted.keep) == counted.inserted + counted.updated


def test_transaction_ids_are_compared_in_a_circle():
    assert not_before(100, 100)
    assert not_before(5, 2**32 - 5)
    assert not not_before(2**32 - 5, 5)
    assert not not_before(2, 100)  # frozen: older than everything
