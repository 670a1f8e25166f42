"""Which statements a transaction takes, from the parse tree alone; the integration test asks the servers the same."""

import pytest

from tasks.gate.sql import statements
from tasks.gate.statements.transactions import JUDGES, transaction_rule


def rule(text, major=18):
    return transaction_rule(statements(text)[0], major)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE INDEX CONCURRENTLY ON t (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX (CONCURRENTLY) TABLE t",
        "VACUUM t",
        "DISCARD ALL",
        "COMMIT PREPARED 'x'",
        "DO $$ BEGIN UPDATE t SET a = 1; COMMIT; END $$",
        "DO $$ BEGIN IF true THEN ROLLBACK; END IF; END $$",
    ],
)
def test_what_refuses_a_transaction_is_named(text):
    found = rule(text)
    assert found.rule == "no"
    assert found.what


@pytest.mark.parametrize(
    "text",
    [
        "CREATE INDEX ON t (a)",
        "REINDEX (CONCURRENTLY false) TABLE t",
        "ANALYZE t",
        "DISCARD TEMP",
        "DO $$ BEGIN UPDATE t SET a = 1; END $$",
        "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'",
        "EXPLAIN SELECT 1",
    ],
)
def test_what_a_transaction_takes_is_not_refused(text):
    assert rule(text).rule in ("yes", "depends")


def test_what_only_the_catalog_or_the_run_itself_knows_is_said_to_be_so():
    assert rule("REINDEX TABLE t").because == "refused in a transaction when it is partitioned"
    assert rule("CALL p()").rule == "unknown"
    assert rule("DO $$ BEGIN EXECUTE format('drop table %I', x); END $$").because == (
        "EXECUTE runs a text that is put together at run time"
    )
    assert rule("DO LANGUAGE plpython3u 'import os'").because == (
        "the block is written in plpython3u, which is not read"
    )
    assert rule("DO $$ BEGIN NULL; EXCEPTION WHEN others THEN ROLLBACK; END $$").rule == "depends"


def test_what_a_block_cannot_do_at_all_is_no_matter_of_a_transaction():
    found = rule("DO $$ BEGIN EXECUTE 'VACUUM t'; END $$")
    assert (found.rule, found.what) == ("never", "VACUUM inside a DO block")


def test_the_servers_major_version_decides_where_it_does():
    assert [rule("CLUSTER t", major).rule for major in (14, 15)] == ["yes", "depends"]
    failover = "ALTER SUBSCRIPTION s SET (failover = true)"
    assert [rule(failover, major).rule for major in (16, 17)] == ["yes", "depends"]


def test_what_needs_a_transaction_is_told_apart():
    assert [rule(text).rule for text in ("LOCK TABLE t", "SAVEPOINT a", "DECLARE c CURSOR FOR SELECT 1")] == (
        ["required"] * 3
    )


def test_every_kind_that_is_judged_is_a_node_of_the_grammar():
    from postgast.pg_query_pb2 import Node

    assert JUDGES.keys() - set(Node.DESCRIPTOR.fields_by_name) == set()
