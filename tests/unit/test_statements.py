"""What each statement does, from its parse tree alone; the integration test asks two real servers the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postgast.pg_query_pb2 import AlterTableType, Node, ObjectType

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, SHARE, Effect
from tasks.gate.effect_words import document, line, lock_words
from tasks.gate.statements import FAMILIES, RULES, alter_table, drops, effects, renames, sentences
from tests.integration.statement_cases import CASES

INTERNAL = {"raw_stmt", "set_operation_stmt", "return_stmt", "plassign_stmt", "replica_identity_stmt"}  # never alone


def does(*texts: str, major: int = 18, domains: frozenset[str] | None = frozenset()) -> Effect:
    """The effect of the last of several files."""
    found = [(f"000{n}", s) for n, text in enumerate(texts) for s in sql.statements(text, f"000{n}.sql")]
    return effects(found, major, domains)[-1]


def test_every_statement_of_the_grammar_is_judged_by_one_family() -> None:
    kinds = {field.name for field in Node.DESCRIPTOR.oneofs[0].fields if field.name.endswith("_stmt")}
    assert kinds - RULES.keys() == INTERNAL
    assert RULES.keys() - kinds == set()
    assert sum(len(family) for family in FAMILIES) == len(RULES)


def test_every_table_command_is_judged_by_one_family_and_is_in_the_grammar() -> None:
    assert alter_table.COMMANDS.keys() - {*AlterTableType.keys()} == set()
    assert sum(len(family) for family in alter_table.FAMILIES) == len(alter_table.COMMANDS)
    assert {*drops.DROPS, *renames.SAID} - {*ObjectType.keys()} == set()


@pytest.mark.parametrize(
    ("text", "kind", "work"),
    [
        ("ADD COLUMN x int", "ADD COLUMN", "instant"),
        ("ADD x int, DROP y", "ADD COLUMN, DROP COLUMN", "instant"),
        ("ADD x uuid DEFAULT gen_random_uuid()", "ADD COLUMN", "rewrite"),
        ("ADD x timestamptz DEFAULT now()", "ADD COLUMN", "instant"),
        ("ADD x text DEFAULT mine()", "ADD COLUMN", "maybe"),
        ("ADD x mood", "ADD COLUMN", "instant"),
        ("ADD x int GENERATED ALWAYS AS (a + 1) VIRTUAL", "ADD COLUMN", "instant"),
        ("ALTER a TYPE bigint", "ALTER COLUMN ... TYPE", "maybe"),
        ("ALTER a SET NOT NULL", "ALTER COLUMN ... SET NOT NULL", "scan"),
        ("SET LOGGED", "SET LOGGED", "rewrite"),
    ],
)
def test_the_work_of_a_table_command_is_said(text: str, kind: str, work: str) -> None:
    found = does(f"ALTER TABLE s.t {text}")
    assert found.kind == f"ALTER TABLE ... {kind}"
    assert (lock_words(found), found.work) == ("ACCESS EXCLUSIVE on s.t", work)


@pytest.mark.parametrize(
    ("text", "lock"),
    [
        ("ALTER TABLE t VALIDATE CONSTRAINT c", "SHARE UPDATE EXCLUSIVE on t"),
        ("CREATE INDEX CONCURRENTLY ON t (a)", "SHARE UPDATE EXCLUSIVE on t"),
        ("DROP INDEX i", "ACCESS EXCLUSIVE on the table of index i"),
        ("INSERT INTO t SELECT * FROM u", "ROW EXCLUSIVE on t"),
        ("CREATE TABLE t (id int)", "none"),
        ("CALL p()", "unknown"),
    ],
)
def test_the_strongest_lock_is_said(text: str, lock: str) -> None:
    assert lock_words(does(text)) == lock


@pytest.mark.parametrize(
    ("text", "loses"),
    [
        ("DROP TABLE t", "yes"),
        ("ALTER TABLE t DROP COLUMN a", "yes"),
        ("DELETE FROM t WHERE id = 1", "yes"),
        ("TRUNCATE t", "yes"),
        ("DO $$ BEGIN DELETE FROM t WHERE id = 1; END $$", "yes"),
        ("DROP TYPE mood CASCADE", "maybe"),
        ("DO $$ BEGIN EXECUTE x; END $$", "maybe"),
        ("SELECT mine()", "maybe"),
        ("DROP INDEX i", "no"),
        ("CREATE TABLE t (id int)", "no"),
    ],
)
def test_what_loses_data_is_told_from_what_may_and_what_does_not(text: str, loses: str) -> None:
    assert does(text).loses == loses


def test_a_domain_may_rewrite_and_any_other_type_of_ones_own_does_not() -> None:
    add = "ALTER TABLE t ADD COLUMN x email"
    assert does(add, domains=frozenset({"email"})).because == "a rewrite if email is a domain with a constraint"
    assert does(add, domains=frozenset()).work == "instant"
    assert does("CREATE DOMAIN email AS text CHECK (VALUE <> '')", add, domains=frozenset()).work == "maybe"
    assert does(add, domains=None).work == "maybe"
    assert does("ALTER TABLE t ADD COLUMN x text", domains=None).work == "instant"


def test_what_stays_in_the_session_is_named() -> None:
    assert does("SET search_path TO a").leaks == ("changes search_path",)
    assert does("PREPARE x AS SELECT 1").leaks == ("prepared statement x stays until the session ends",)
    assert does("CREATE TEMP TABLE x (id int)").leaks == ("temporary table x stays until the session ends",)
    assert does("CREATE TEMP TABLE x (id int) ON COMMIT DROP").leaks == ()
    assert does("SELECT pg_advisory_lock(1)").leaks != ()
    assert does("LISTEN x").leaks == ("listens on x until the session ends",)


@pytest.mark.parametrize(
    "text",
    [
        "COPY t FROM PROGRAM 'curl x'",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "CREATE ROLE r",
        "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
        "CREATE SERVER s FOREIGN DATA WRAPPER w",
        "SELECT * FROM dblink('x', 'y') AS t(a int)",
        "CREATE TABLESPACE s LOCATION '/x'",
        "DO $$ BEGIN PERFORM dblink_exec('x', 'drop table y'); END $$",
    ],
)
def test_what_reaches_outside_of_the_database_is_named(text: str) -> None:
    assert does(text).outside != ()


def test_nobody_waits_for_a_table_that_the_same_release_makes() -> None:
    found = does("CREATE TABLE t (id int)", "CREATE INDEX ON t (id)")
    assert (lock_words(found), found.hazards) == ("none (new in this release)", ())
    assert lock_words(does("CREATE TABLE IF NOT EXISTS t (id int)", "CREATE INDEX ON t (id)")) == "SHARE on t"


def test_a_name_that_goes_over_to_another_table_is_not_new_any_more() -> None:
    index = "CREATE INDEX ON t (id)"
    make = "CREATE TABLE t (id int)"
    assert lock_words(does(make, "DROP TABLE t", index)) == "SHARE on t"
    assert lock_words(does(make, "ALTER TABLE t RENAME TO t2", "ALTER TABLE big RENAME TO t", index)) == "SHARE on t"
    assert lock_words(does("CREATE TABLE t2 (id int)", "ALTER TABLE t2 RENAME TO t", index)).startswith("none")
    assert lock_words(does(make, "ALTER TABLE t SET SCHEMA s", "CREATE INDEX ON s.t (id)")).startswith("none")
    assert lock_words(does("DO $$ BEGIN IF x THEN CREATE TABLE t (id int); END IF; END $$", index)) == "SHARE on t"


def test_a_foreign_key_of_a_new_table_locks_the_old_one() -> None:
    found = does("CREATE TABLE t (o_id int REFERENCES o)")
    assert lock_words(found) == "SHARE ROW EXCLUSIVE on o"


def test_the_inside_of_a_block_counts_as_if_it_stood_outside() -> None:
    found = does("DO $$ BEGIN IF x THEN DROP TABLE a; END IF; CREATE INDEX ON t (b); END $$")
    assert found.kind == "DO (DROP TABLE, CREATE INDEX)"
    assert {t.name: t.lock for t in found.touched if t.named} == {"a": ACCESS_EXCLUSIVE, "t": SHARE}
    assert [h.kind for h in found.hazards] == ["drop-table", "index-blocks-writes"]


def function(body: str, language: str = "plpgsql") -> str:
    return f"CREATE FUNCTION mine(a int) RETURNS void LANGUAGE {language} AS $f$ {body} $f$"


def test_a_function_of_the_same_release_is_read_where_it_is_called() -> None:
    call = "SELECT public.mine(1)"
    assert does(call).unknown == ("it calls public.mine, which is not read",)
    found = does(function("BEGIN DROP TABLE a; PERFORM mine(2); END"), call)
    assert (found.unknown, found.loses, lock_words(found)) == ((), "yes", "ACCESS EXCLUSIVE on a")
    assert does(function("DELETE FROM a", "sql"), call).loses == "yes"
    atomic = "CREATE FUNCTION mine(a int) RETURNS bigint BEGIN ATOMIC DELETE FROM a; SELECT 1; END"
    assert does(atomic, call).loses == "yes"
    assert does(function("BEGIN EXECUTE x; END"), call).unknown != ()
    assert does(function("import os", "plpython3u"), call).unknown == (
        "it is written in plpython3u, which is not read",
    )


def test_each_statement_that_runs_a_function_that_is_not_read_is_unknown() -> None:
    for text in ("UPDATE t SET a = mine(a)", "INSERT INTO t SELECT mine(1)", "CREATE TABLE x AS SELECT mine(a) FROM t"):
        assert does(text).unknown == ("it calls mine, which is not read",)
    for text in ("CREATE VIEW x AS SELECT mine(a) FROM t", "UPDATE t SET a = lower(a), b = gen_random_uuid()"):
        assert does(text).unknown == ()


def test_names_of_with_are_no_tables() -> None:
    found = does("WITH gone AS (DELETE FROM a RETURNING id) INSERT INTO b SELECT id FROM gone JOIN c USING (id)")
    assert sorted(t.name for t in found.touched) == ["a", "b", "c"]


def test_what_cannot_be_read_is_said_to_be_unknown_to_the_approver() -> None:
    found = does("DO $$ BEGIN EXECUTE format('drop table %I', x); END $$")
    assert found.unknown == ("EXECUTE runs a text that is put together at run time",)
    assert sentences([found]) == ("0000.sql, line 1: unknown: EXECUTE runs a text that is put together at run time",)
    assert sentences([does("SELECT mine()")]) == ("0000.sql, line 1: unknown: it calls mine, which is not read",)


def test_a_statement_of_a_grammar_to_come_is_never_harmless() -> None:
    (statement,) = sql.statements("CREATE TABLE t (id int)")
    (found,) = effects([("x", replace(statement, kind="repack_stmt"))], 19)
    assert (found.work, found.loses) == ("unknown", "maybe")
    assert found.hazards[0].sentence == "unknown: REPACK is a kind of statement that the gate does not know"


def test_a_line_and_a_document_hold_the_same() -> None:
    found = does("ALTER TABLE t DROP COLUMN a")
    assert line(found) == (
        "ALTER TABLE ... DROP COLUMN (t): ACCESS EXCLUSIVE on t; instant; transaction: yes; loses data: yes"
    )
    as_json = document(found)
    assert as_json["objects"] == [
        {"name": "t", "kind": "table", "lock": "AccessExclusiveLock", "named": True, "new": False}
    ]
    assert (as_json["lock"], as_json["loses_data"], as_json["tag"]) == ("AccessExclusiveLock", "yes", "0000")


def test_a_million_rows_are_not_walked() -> None:
    rows = ",".join("(1, 'x')" for _ in range(100_000))
    assert does(f"INSERT INTO t VALUES {rows}").kind == "INSERT"


GAPS = st.sampled_from([" ", "\n", "\t ", " /* DROP TABLE x; */ ", " -- BEGIN;\n", " /* ; /* nested */ */ "])


@settings(deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_comments_and_spaces_change_nothing(text: str, data: st.DataObject) -> None:
    words = text.split(" ")
    spaced = "".join(word + data.draw(GAPS) for word in words)
    said, found = does(text), does(spaced)
    assert found.model_copy(update={"where": said.where}) == said


WORDS = [*{word for text in CASES for word in text.split()}, "'", '"', "$$", "$a$", ";", "(", ")", ",", "\\", "--"]
PIECES = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)


@settings(deadline=None)
@given(PIECES)
def test_no_text_raises_and_what_is_unknown_is_never_harmless(text: str) -> None:
    parsed, unreadable = sql.read("x.sql", [text, f"DO $$ BEGIN {text}; END $$"])
    assert unreadable or parsed or not text.strip("; ")
    for found in effects([("x", statement) for statement in parsed], 15):
        assert (found.work == "unknown") <= bool(found.unknown)
        assert not found.unknown or (found.hazards and found.work == "unknown")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=15))
def test_any_name_can_be_quoted(name: str) -> None:
    if "\0" in name:
        return
    quoted = '"' + name.replace('"', '""') + '"'
    found = does(f"ALTER TABLE {quoted} DROP COLUMN {quoted}")
    assert found.touched[0].name == name
    assert found.hazards[0].kind == "drop-column"
