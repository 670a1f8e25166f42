"""Migrations read with PostgreSQL's own parser: what refuses them, what is said about them, and no false alarm."""

import pytest

from tasks.drizzle.text import migration
from tasks.gate import sql
from tasks.gate.own_limits import part_of
from tasks.gate.plan import Problem, Rollback
from tasks.gate.refusals import JUDGES
from tasks.gate.sql import NotSql, statements
from tasks.read_scripts import read_migrations, read_rollbacks

BREAK = "--> statement-breakpoint\n"
BODIES = [
    "DO $$ BEGIN PERFORM 1; EXCEPTION WHEN others THEN ROLLBACK; END $$",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS $x$ BEGIN RETURN; END $x$",
    "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; VACUUM; END'",
    "INSERT INTO t VALUES ('COMMIT; VACUUM; \\d; statement-breakpoint')",
    "-- BEGIN; COMMIT;\nSELECT 1 /* VACUUM; */",
    'CREATE TABLE "begin" ("commit" int, "vacuum" text)',
    "CREATE TABLE t (role text, lock_timeout int)",
    "ALTER ROLE app SET lock_timeout = '1s'",
    "ALTER DATABASE shop SET statement_timeout = '1s'",
    "SET LOCAL check_function_bodies = off",
    "SET CONSTRAINTS ALL DEFERRED",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
    "REINDEX TABLE t",
    "ANALYZE t",
    "CLUSTER t USING i",
    "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = false)",
    "ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)",
    "ALTER TABLE t DETACH PARTITION p",
    "COPY t FROM '/tmp/x'",
    "SELECT set_config('app.tenant', 'x', true)",
    "SELECT pg_advisory_xact_lock(1)",
    "SELECT " + " || ".join(["'x'"] * 500),
    "",
    " ; ;\n-- nothing",
]


def read(*files: str, major: int = 18) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    pending = [
        migration(text.encode(), tag=f"000{n}_x", file=f"000{n}_x.sql", created_at=n, name=None)
        for n, text in enumerate(files)
    ]
    found = read_migrations(pending, major)
    return found.problems, found.hazards


def problem(*files: str, major: int = 18) -> Problem:
    (found,) = read(*files, major=major)[0]
    assert found.remedy
    return found


def said(*files: str) -> list[str]:
    problems, hazards = read(*files)
    assert problems == ()
    return [hazard.partition(": ")[2] for hazard in hazards]


@pytest.mark.parametrize("text", BODIES)
def test_what_only_looks_like_transaction_control_is_no_false_alarm(text: str) -> None:
    assert read(text)[0] == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN"),
        ("START TRANSACTION READ ONLY", "START TRANSACTION"),
        ("ROLLBACK", "ROLLBACK"),
        ("ABORT", "ROLLBACK"),
        ("PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION"),
        ("COMMIT PREPARED 'x'", "COMMIT PREPARED"),
        ("ROLLBACK PREPARED 'x'", "ROLLBACK PREPARED"),
    ],
)
def test_transaction_control_is_refused_by_its_name(text: str, word: str) -> None:
    found = problem(f"select 1;{BREAK}\n{text};")
    assert found.kind == "transaction-control"
    assert found.cause.startswith(f"0000_x.sql, statement 2 (line 3): {word} ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CREATE DATABASE d", "CREATE DATABASE"),
        ("DROP DATABASE d", "DROP DATABASE"),
        ("CREATE TABLESPACE s LOCATION '/x'", "CREATE TABLESPACE"),
        ("DROP TABLESPACE s", "DROP TABLESPACE"),
        ("ALTER SYSTEM SET work_mem = '1GB'", "ALTER SYSTEM"),
        ("ALTER DATABASE d SET TABLESPACE s", "ALTER DATABASE SET TABLESPACE"),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "CREATE SUBSCRIPTION with a replication slot"),
        ("ALTER SUBSCRIPTION s REFRESH PUBLICATION", "ALTER SUBSCRIPTION with a refresh"),
        ("ALTER SUBSCRIPTION s ADD PUBLICATION p", "ALTER SUBSCRIPTION with a refresh"),
        ("DROP SUBSCRIPTION s", "DROP SUBSCRIPTION"),
        ("CLUSTER", "CLUSTER without a table"),
        ("DO $$ BEGIN COMMIT; END $$", "DO with COMMIT or ROLLBACK inside"),
        ("DO $$ BEGIN EXECUTE 'VACUUM t'; END $$", "VACUUM inside a DO block"),
    ],
)
def test_what_no_transaction_takes_is_refused(text: str, words: str) -> None:
    found = problem(text)
    assert found.kind == "no-transaction"
    assert found.cause == f"0000_x.sql, line 1: {words} cannot run inside a transaction"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SET NAMES 'LATIN1'", "it changes client_encoding"),
        ("SELECT U&\"s\\0065t_config\"('client_encoding', 'x', false)", "it changes client_encoding"),
        ("DISCARD ALL", "DISCARD ALL throws away the time limits of the session"),
    ],
)
def test_what_changes_the_session_of_whoever_applies_is_refused(text: str, what: str) -> None:
    found = problem(text)
    assert found.kind == "session"
    assert found.cause.startswith(f"0000_x.sql, line 1: {what}")


def test_a_savepoint_takes_nothing_out_of_the_transaction() -> None:
    assert read("SAVEPOINT a; SELECT 1; ROLLBACK TO a; RELEASE a;")[0] == ()
    found = problem("SAVEPOINT a;", "ROLLBACK TO a;")
    assert found.kind == "transaction-control"
    assert "ROLLBACK TO SAVEPOINT a, which this file does not set: it would undo earlier migrations" in found.cause


@pytest.mark.parametrize(
    "text",
    [
        "SET lock_timeout = 0",
        "SET LOCAL statement_timeout = '1h'",
        'SET "Lock_Timeout" TO 5',
        "RESET statement_timeout",
        "SET idle_in_transaction_session_timeout = 0",
        "SET client_encoding = 'UTF8'",
        "SET NAMES 'utf-8'",
        "SELECT pg_catalog.set_config('lock_timeout', '0', false)",
        "RESET ALL",
        "DISCARD TEMP",
    ],
)
def test_a_migrations_own_limits_are_taken_as_pg_dump_writes_them(text: str) -> None:
    assert read(text)[0] == ()


def test_a_piece_that_sets_limits_for_itself_is_cut_so_that_ours_hold_again_behind_it() -> None:
    part = part_of("0000_x", ("select 1; select 2;", "set lock_timeout = 0;\nalter table a add b int;\n", "select 3;"))
    assert [(s.index, s.line, s.text.strip()) for s in part.statements] == [
        (0, 1, "select 1; select 2;"),
        (1, 1, "set lock_timeout = 0"),
        (2, 2, "alter table a add b int"),
        (3, 3, "select 3;"),
    ]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("SET ROLE app; SELECT 1; RESET ROLE;", ""),
        ("SET LOCAL ROLE app; SET ROLE NONE;", ""),
        ("SET SESSION AUTHORIZATION app; RESET SESSION AUTHORIZATION;", ""),
        ("SAVEPOINT s; SET ROLE app; ROLLBACK TO s;", ""),
        ("SET ROLE app;", "SET ROLE app"),
        ("RESET ROLE; SET LOCAL ROLE 'app';", "SET ROLE app"),
        ("SELECT set_config('role', 'app', true);", "SET ROLE app"),
        ("DO $$ BEGIN SET ROLE app; END $$;", "SET ROLE app"),
        ("SET ROLE app; SET LOCAL ROLE NONE;", "SET ROLE app"),
        ("SET SESSION AUTHORIZATION app;", "SET SESSION AUTHORIZATION app"),
    ],
)
def test_a_role_that_a_file_takes_is_run_as_drizzle_runs_it_and_said_where_it_stays(text: str, left: str) -> None:
    said = f"0000_x.sql: ends with {left} in force: its row in the ledger and every later migration of this run are"
    notes = [hazard for hazard in read(text)[1] if "ends with" in hazard]
    assert [note.startswith(said) for note in notes] == ([True] if left else [])


def test_a_role_is_given_back_before_the_gate_writes_rows_of_its_own() -> None:
    cut = "COMMIT; CREATE INDEX CONCURRENTLY i ON t (a);"
    assert read(f"SET LOCAL ROLE app; SELECT 1; {cut}")[0] == ()
    assert read(f"SET ROLE app; SELECT 1; RESET ROLE; {cut}")[0] == ()
    found = problem(f"SELECT 1;\nSET ROLE app; {cut}")
    assert found.kind == "session"
    assert "SET ROLE app is still in force where the plan is cut after its line 2, and the gate writes" in found.cause


def test_rows_for_copy_are_named_as_such() -> None:
    found = problem("select 1;\nCOPY t (a) FROM stdin;\n1\tx\n\\.\n")
    assert found.cause == "0000_x.sql, line 3: rows after COPY FROM STDIN, which only psql can send"
    assert problem("COPY t FROM STDIN").kind == "copy"
    assert "COPY TO STDOUT needs a client that speaks it" in problem("COPY t TO STDOUT").cause


def test_a_psql_command_is_named_as_such() -> None:
    assert problem("\\connect shop\nselect 1;").cause == (
        "0000_x.sql, line 1: a psql command (it begins with a backslash), which only psql understands"
    )


def test_a_byte_order_mark_is_named_as_such() -> None:
    assert "the file begins with a byte order mark" in problem("\ufeffselect 1").cause


def test_a_nul_byte_is_found_with_its_line() -> None:
    found = problem(f"select 1;{BREAK}\nselect '\0'; drop table users")
    assert (found.kind, found.cause) == ("nul", "0000_x.sql, statement 2 (line 3): it contains a NUL byte")


def test_a_syntax_error_has_file_statement_and_line() -> None:
    found = problem(f"select 'größe 🙂';\n{BREAK}\nselect 'ünï';\nselec 2;")
    assert found.cause == '0000_x.sql, statement 2 (line 5): syntax error at or near "selec"'
    assert found.remedy == "correct the statement"


@pytest.mark.parametrize(("major", "which"), [(15, "older"), (19, "newer")])
def test_another_grammar_than_productions_is_said_plainly(major: int, which: str) -> None:
    remedy = problem("selec 2", major=major).remedy
    assert f"read with the grammar of PostgreSQL {sql.grammar()}, and production is {major}" in remedy
    assert f"right in that {which} version" in remedy


def test_a_breakpoint_inside_a_body_is_explained_once() -> None:
    found = problem(f"DO $$ BEGIN\n{BREAK}PERFORM 1;\nEND $$;")
    assert "a statement-breakpoint stands inside a literal or a function body, and Drizzle splits there" in found.cause


def test_every_statement_of_a_piece_is_seen_and_every_problem_is_listed() -> None:
    problems, _ = read("select 1; DROP DATABASE d; select 2;\nROLLBACK")
    assert [p.cause.partition(":")[0] for p in problems] == ["0000_x.sql, line 1", "0000_x.sql, line 2"]


def test_the_text_and_line_of_a_statement_are_counted_in_bytes_by_the_parser_and_right_here() -> None:
    first, second = statements("-- ä\nselect 'ö';\n\n/* ü */ select 'ß'")
    assert (first.text, first.line) == ("select 'ö'", 2)
    assert (second.text, second.line) == ("select 'ß'", 4)


def test_an_unfinished_literal_is_not_sql() -> None:
    with pytest.raises(NotSql) as caught:
        statements("select 1;\nselect 'ä")
    assert (caught.value.line, caught.value.position) == (2, 17)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("DROP TABLE a.b", "drops table a.b; its rows are gone"),
        ("DROP TABLE b CASCADE", "drops table b; its rows are gone, and everything that depends on it (CASCADE)"),
        ("DROP SCHEMA s", "drops schema s"),
        ("DROP TYPE s.mood", "drops type s.mood"),
        ("DROP FUNCTION f(int)", "drops function f; whatever still calls it fails"),
        ("DROP INDEX i CASCADE", "drops i, and everything that depends on it (CASCADE)"),
        ("ALTER TABLE t DROP COLUMN note", "drops column t.note; its values are gone"),
        ("TRUNCATE t", "empties table t"),
        ("DELETE FROM t", "deletes every row of t (no WHERE)"),
        ("UPDATE t SET a = 1", "updates every row of t (no WHERE)"),
        (
            "ALTER TABLE t ALTER COLUMN a TYPE bigint",
            "changes the type of t.a; the table may be rewritten while nobody can read it",
        ),
        (
            "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
            "sets t.a to NOT NULL; every row is read while nobody can read or write",
        ),
        (
            "ALTER TABLE t ADD COLUMN a int NOT NULL",
            "adds column t.a as NOT NULL without a default; it fails when t has rows",
        ),
        (
            "ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()",
            "adds column t.a with a value of its own per row; the table is rewritten while nobody can read it",
        ),
        (
            "ALTER TABLE t ADD COLUMN a serial",
            "adds column t.a with a value of its own per row; the table is rewritten while nobody can read it",
        ),
        ("CREATE INDEX ON t (a)", "builds an index on t; nobody can write to it meanwhile"),
        (
            "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a)",
            "adds u to t: an index is built while nobody can read or write it",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.o(id)",
            "adds f to t: every row is checked against s.o while nobody can write to either",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
            "adds c to t: every row is checked while nobody can read or write",
        ),
        ("ALTER TABLE t DISABLE ROW LEVEL SECURITY", "switches row security of t off"),
        (
            "ALTER TABLE t RENAME COLUMN a TO b",
            "renames column t.a to b; the application that runs now still uses the old name",
        ),
        ("ALTER TABLE t RENAME TO u", "renames table t to u; the application that runs now still uses the old name"),
        ("REFRESH MATERIALIZED VIEW v", "refreshes v while nobody can read it"),
        ("SET search_path TO other", "changes search_path, for itself and for every later migration of the run"),
        ("COPY t FROM PROGRAM 'curl x'", "runs a program on the server (COPY PROGRAM)"),
        (
            "SELECT * FROM dblink('x', 'y') AS t(a int)",
            "calls dblink, which acts outside of this database: no rollback and no backup covers that",
        ),
        ("CREATE EXTENSION dblink", "creates extension dblink, which reaches outside of this database"),
        (
            "CREATE SERVER s FOREIGN DATA WRAPPER w",
            "creates a foreign server: statements can then act outside of this database",
        ),
        ("CREATE ROLE r", "changes roles, which belong to the whole cluster and not to this database's backup"),
        (
            "SELECT pg_advisory_lock(1)",
            "calls pg_advisory_lock, which holds on to (or gives up) locks of the whole session",
        ),
    ],
)
def test_what_an_approver_should_know_is_said_in_one_sentence(text: str, sentence: str) -> None:
    assert said(text) == [sentence]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (id int); CREATE INDEX ON t (id); ALTER TABLE t ADD COLUMN b uuid DEFAULT gen_random_uuid()",
        "CREATE TABLE s.t (id int); ALTER TABLE s.t ADD CONSTRAINT u UNIQUE (id)",
        "ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now() NOT NULL",
        "ALTER TABLE t ADD COLUMN a text DEFAULT '' NOT NULL",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES o NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i",
        "DELETE FROM t WHERE id = 1; UPDATE t SET a = 1 WHERE true",
        "CREATE EXTENSION pgcrypto",
    ],
)
def test_what_is_harmless_is_not_talked_about(text: str) -> None:
    assert said(text) == []


def test_a_table_that_may_be_there_already_does_not_count_as_new() -> None:
    assert said("CREATE TABLE IF NOT EXISTS t (id int)", "CREATE INDEX ON t (id)") != []


def test_rollback_files_are_held_to_the_same_rules() -> None:
    def rollback(text: str) -> Rollback:
        return Rollback(tag="0000_x", file="0000_x.sql", sha256="", text=text)

    assert read_rollbacks([rollback(f"drop table a;\n{BREAK}drop table b;")], 18) == ()
    (found,) = read_rollbacks([rollback("begin; drop table a; commit;")], 18)[:1]
    assert (found.tag, found.kind) == ("0000_x", "transaction-control")
    (found,) = read_rollbacks([rollback("drop index concurrently i")], 18)
    assert found.cause == "0000_x.sql, line 1: DROP INDEX CONCURRENTLY cannot run inside a transaction"
    assert read_rollbacks([rollback("-- nothing to undo")], 18)[0].cause == "0000_x.sql has no statement"


def test_every_kind_that_is_judged_is_a_node_of_the_grammar() -> None:
    from postgast.pg_query_pb2 import Node

    assert JUDGES.keys() - set(Node.DESCRIPTOR.fields_by_name) == set()
