"""What is thought about a rehearsal without a server: limits, lock words, losses, names, withheld values."""

import pytest

from config.policy import Apply
from tasks.gate.errors import GateError
from tasks.gate.fingerprint import SequencePrint
from tasks.gate.losses import Contents, Shape, pairs, replaced_rows, sequence_losses, table_losses, total_changes
from tasks.gate.named_relations import named
from tasks.gate.rehearsal import (
    TABLE_HEADER,
    Lock,
    Rehearsal,
    RehearsedStatement,
    RollbackRehearsal,
    RowChanges,
    head,
    spelled,
    statement_timeout_ms,
    table_rows,
    worst_lock_sentence,
)
from tasks.gate.rehearsal_failures import refusal, withheld

LIMITS = Apply()


def rehearsal(*statements):
    return Rehearsal(
        statements=statements,
        seconds=1.0,
        schema_sha256="",
        schema_text="",
        rollback=RollbackRehearsal(available=False),
    )


def statement(sql="select 1", **more):
    return RehearsedStatement(tag="0001", index=0, sql=sql, seconds=0.1234, **more)


def lock(relation, mode, held=0.8):
    return Lock(relation=relation, mode=mode, held_seconds=held)


def table(oid, label, columns, **more):
    schema, name = label.split(".")
    return Shape(oid, "table", schema, name, label, dict(enumerate(columns, 1)), word=name, **more)


@pytest.mark.parametrize(
    ("rehearsed", "expected"),
    [(0.0, 3000), (0.999, 3000), (2.0, 6000), (1200.0, 3_600_000), (100_000.0, 3_600_000)],
)
def test_a_statement_gets_three_times_its_rehearsed_time_with_a_floor_and_a_cap(rehearsed, expected):
    assert expected == statement_timeout_ms(rehearsed, LIMITS)


def test_the_cap_wins_over_the_floor():
    limits = Apply(statement_timeout_floor_ms=5000, statement_timeout_cap_ms=1000)
    assert statement_timeout_ms(0.1, limits) == 1000


def test_the_worst_lock_is_the_strongest_and_among_equals_the_longest_held():
    found = rehearsal(
        statement(locks=(lock("public.a", "ShareLock", 9.0), lock("public.b", "AccessExclusiveLock", 0.1))),
        statement(locks=(lock("public.orders", "AccessExclusiveLock"),)),
    )
    expected = "holds ACCESS EXCLUSIVE on public.orders and 1 more relation for 0.8 s: reads and writes wait"
    assert expected == worst_lock_sentence(found)


def test_a_share_lock_lets_readers_go_on():
    found = rehearsal(statement(locks=(lock("public.orders", "ShareLock"),)))
    assert worst_lock_sentence(found) == "holds SHARE on public.orders for 0.8 s: writes wait"


def test_locks_that_queries_take_themselves_are_not_worth_a_word():
    found = rehearsal(statement(locks=(lock("public.orders", "RowExclusiveLock"),)))
    assert worst_lock_sentence(found) == "takes no lock that reads or writes wait for"


def test_modes_are_spelled_as_in_sql():
    assert spelled("ShareUpdateExclusiveLock") == "SHARE UPDATE EXCLUSIVE"


def test_the_table_has_a_column_for_each_heading_and_leaves_empty_statements_out():
    rows = table_rows(rehearsal(statement(), statement("\n  \n")))
    assert [len(row) for row in rows] == [len(TABLE_HEADER)]


def test_the_table_says_what_a_statement_cost():
    changes = (RowChanges(table="public.issues", truncated=True, deleted=3000),)
    row = statement(
        "-- why\ntruncate  t\ncascade",
        locks=(lock("public.t", "AccessExclusiveLock"),),
        rows=changes,
        rewrites=("public.t (a column's type)",),
        index_builds=("public.i (btree, 8.2 kB)",),
        wal_bytes=1234,
    )
    assert table_rows(rehearsal(row)) == [
        (
            "0001",
            "truncate t cascade",
            "123",
            "ACCESS EXCLUSIVE on public.t",
            "public.t (a column's type) and public.i (btree, 8.2 kB)",
            "public.issues truncated -3,000",
            "1.2 kB",
        )
    ]


def test_a_statement_shows_the_lock_that_an_earlier_one_took_for_it():
    row = statement(locks=(lock("s", "AccessShareLock"),), held_before=(lock("public.t", "AccessExclusiveLock"),))
    assert table_rows(rehearsal(row))[0][3] == "ACCESS EXCLUSIVE on public.t (held already)"


def test_a_statement_of_comments_shows_its_comments():
    assert head("-- only this") == "-- only this"


def test_a_table_that_is_gone_is_lost_with_its_rows():
    assert table_losses(table(1, "public.a", ["id"]), Contents(7, {"id": 7}), None, None) == (
        "table public.a with 7 rows",
    )


def test_an_empty_table_is_no_loss():
    assert table_losses(table(1, "public.a", ["id"]), Contents(0, {"id": 0}), None, None) == ()


def test_a_column_that_is_gone_is_lost_with_its_values():
    before, after = table(1, "public.a", ["id", "note"]), table(1, "public.a", ["id"])
    lost = table_losses(before, Contents(9, {"id": 9, "note": 4}), after, Contents(9, {"id": 9}))
    assert lost == ("column public.a.note with 4 values",)


def test_a_renamed_column_is_no_loss():
    before, after = table(1, "public.a", ["id", "note"]), table(1, "public.b", ["id", "remark"])
    assert table_losses(before, Contents(9, {"id": 9, "note": 4}), after, Contents(9, {"id": 9, "remark": 4})) == ()


def test_values_set_to_null_are_a_loss_though_rows_and_columns_are_there():
    shape = table(1, "public.a", ["id", "note"])
    lost = table_losses(shape, Contents(9, {"id": 9, "note": 4}), shape, Contents(9, {"id": 9, "note": 1}))
    assert lost == ("3 of 4 values of column public.a.note",)


def test_fewer_rows_are_told_once_and_not_again_for_each_column():
    shape = table(1, "public.a", ["id", "note"])
    lost = table_losses(shape, Contents(9, {"id": 9, "note": 9}), shape, Contents(2, {"id": 2, "note": 2}))
    assert lost == ("7 of 9 rows of table public.a",)


def test_a_table_built_anew_under_the_old_name_is_the_same_table():
    before, after = {1: table(1, "public.a", ["id"])}, {2: table(2, "public.a", ["id"])}
    assert pairs(before, after) == [(before[1], after[2])]


def test_rows_that_were_exchanged_are_named():
    changes = total_changes([RowChanges(table="public.a", deleted=3), RowChanges(table="public.a", inserted=5)])
    assert replaced_rows({"public.a": -2}, changes) == ("3 rows of table public.a deleted, while 5 others came",)


def test_rows_of_a_table_that_is_new_cannot_be_lost():
    assert replaced_rows({}, {"public.new": RowChanges(table="public.new", deleted=3, inserted=3)}) == ()


def test_a_sequence_that_went_back_is_a_loss():
    before = {"s": SequencePrint(last_value=90, is_called=True), "t": SequencePrint(last_value=1, is_called=False)}
    after = {"s": SequencePrint(last_value=1, is_called=False), "t": SequencePrint(last_value=1, is_called=False)}
    assert sequence_losses(before, after) == ("the position of sequence s: at 90 before, at 1 afterwards",)


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("truncate public.a cascade", ("public", "a"), ("public", "b")),
        ("update x set b = (select 1 from s.c)", ("s", "c"), ("public", "b")),
        ("drop table if exists A.b, c cascade", ("anything", "c"), ("other", "b")),
        ("select 1 -- orders", ("", ""), ("public", "orders")),
        ("do $$ begin execute 'delete from orders'; end $$", ("public", "orders"), ("public", "customers")),
        ('drop trigger t on "Odd.Name"', ("public", "Odd.Name"), ("public", "t")),
        ("this is no sql about orders", ("public", "orders"), ("public", "customers")),
    ],
)
def test_names_come_from_the_parse_tree(text, yes, no):
    found = named(text)
    assert found.relation(*no) is False
    assert yes == ("", "") or found.relation(*yes)


def test_a_long_insert_is_not_walked():
    found = named("insert into s.big values " + ",".join(["(1,'orders')"] * 20_000))
    assert found.relations == {("s", "big")}
    assert found.words == frozenset()


def test_a_value_that_the_server_quotes_is_withheld():
    said = withheld('invalid input syntax for type integer: "anna@example.com"', "22P02")
    assert said == "invalid input syntax for type integer: (the value is not shown)"


def test_the_names_of_constraints_stay():
    said = 'duplicate key value violates unique constraint "users_email_key"'
    assert withheld(said, "23505") == said


def test_a_failure_names_its_place_and_says_that_production_is_untouched():
    failure = GateError(
        "x", tag="0003_phone", index=1, line=14, sqlstate="23502", server_message='column "phone" contains null values'
    )
    refused = refusal(failure)
    assert refused.message == (
        'the rehearsal failed at 0003_phone, statement 2 (line 14): column "phone" contains null values (23502)'
    )
    assert refused.hint.startswith("production is untouched; the data holds NULL there")
    assert refused.exit_code == 3


def test_a_failure_at_commit_says_so():
    refused = refusal(GateError("x", sqlstate="23503", server_message="violates foreign key"))
    assert refused.message == "the rehearsal failed at COMMIT: violates foreign key (23503)"
