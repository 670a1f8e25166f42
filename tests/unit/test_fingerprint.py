"""Two fingerprints: equal, or different in words that name the thing."""

import pytest

from tasks.gate.fingerprint import Fingerprint, SequencePrint, TablePrint, differences

EQUAL = Fingerprint(
    tables={"public.orders": TablePrint(rows=1200, hash="1"), "public.customers": TablePrint(rows=1, hash="2")},
    sequences={"public.orders_id_seq": SequencePrint(last_value=1200, is_called=True)},
    extensions={"citext": "1.6"},
    owners={"relation public.orders": "app"},
    grants={"relation public.orders": "reader: SELECT"},
    large_objects=2,
    large_objects_hash="77",
    materialized={"public.totals": True},
)


def changed(**fields: object) -> Fingerprint:
    return EQUAL.model_copy(update=fields)


def at(last_value: int, *, is_called: bool = True) -> dict[str, SequencePrint]:
    return {"public.orders_id_seq": SequencePrint(last_value=last_value, is_called=is_called)}


def test_equal_fingerprints_have_no_difference() -> None:
    assert differences(EQUAL, EQUAL) == ()


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (changed(tables={"public.orders": EQUAL.tables["public.orders"]}), "table public.customers is missing"),
        (
            changed(tables={**EQUAL.tables, "public.new": TablePrint(rows=0, hash="0")}),
            "table public.new was not expected",
        ),
        (
            changed(tables={**EQUAL.tables, "public.orders": TablePrint(rows=600, hash="1")}),
            "table public.orders: 1,200 rows expected, 600 found",
        ),
        (
            changed(tables={**EQUAL.tables, "public.customers": TablePrint(rows=1, hash="3")}),
            "table public.customers: 1 row as expected, but their content differs",
        ),
        (changed(sequences={}), "sequence public.orders_id_seq is missing"),
        (
            changed(sequences={**EQUAL.sequences, "s": SequencePrint(last_value=1, is_called=False)}),
            "sequence s was not expected",
        ),
        (changed(sequences=at(7)), "sequence public.orders_id_seq: at 1200 expected, at 7 found"),
        (
            changed(sequences=at(1200, is_called=False)),
            "sequence public.orders_id_seq: at 1200 expected, at 1200, not used yet, found",
        ),
        (changed(extensions={"citext": "1.5"}), "extension citext: 1.6 expected, 1.5 found"),
        (changed(extensions={}), "extension citext: 1.6 expected, none found"),
        (
            changed(owners={"relation public.orders": "postgres"}),
            "owner of relation public.orders: app expected, postgres found",
        ),
        (changed(grants={}), "grants on relation public.orders: reader: SELECT expected, the defaults found"),
        (changed(large_objects=1), "large objects: 2 expected, 1 found"),
        (changed(large_objects_hash="8"), "large objects: 2 as expected, but their content or owners differ"),
        (
            changed(materialized={"public.totals": False}),
            "materialised view public.totals: populated expected, empty found",
        ),
        (changed(materialized={}), "materialised view public.totals: populated expected, missing found"),
    ],
)
def test_a_difference_is_one_sentence(found: Fingerprint, sentence: str) -> None:
    assert differences(EQUAL, found) == (sentence,)


def test_missing_tables_come_first() -> None:
    found = changed(tables={"public.orders": TablePrint(rows=5, hash="1")}, extensions={})
    assert [line.split()[0:2] for line in differences(EQUAL, found)] == [
        ["table", "public.customers"],
        ["table", "public.orders:"],
        ["extension", "citext:"],
    ]


@pytest.mark.parametrize("value", [1200, 1201, 1250, 1300])
def test_a_sequence_that_moved_during_the_dump_may_be_anywhere_between(value: int) -> None:
    assert differences(EQUAL, changed(sequences=at(value)), later=at(1300)) == ()


@pytest.mark.parametrize("value", [1, 1199, 1301])
def test_a_sequence_that_moved_during_the_dump_may_not_be_outside(value: int) -> None:
    assert differences(EQUAL, changed(sequences=at(value)), later=at(1300)) == (
        f"sequence public.orders_id_seq: at 1200 to 1300 expected, at {value} found",
    )


def test_a_sequence_may_count_downwards() -> None:
    assert differences(changed(sequences=at(-10)), changed(sequences=at(-15)), later=at(-20)) == ()


def test_a_sequence_used_for_the_first_time_during_the_dump_may_be_unused_or_used() -> None:
    expected, later = changed(sequences=at(1, is_called=False)), at(3)
    for found in (at(1, is_called=False), at(1), at(2), at(3)):
        assert differences(expected, changed(sequences=found), later=later) == ()
