"""A plan is split only where PostgreSQL leaves no choice, nothing is lost on the way, and each row has one place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.drizzle.text import migration
from tasks.gate.identity import Identity
from tasks.gate.plan import Ledger, LedgerRow, Migration, Plan, Rollback, head_of
from tasks.gate.production import LedgerShows, ProductionState, Standing, settle
from tasks.gate.progress import Left, StatementRow, progress, recorded_rows
from tasks.gate.segment import Kind, Segment
from tasks.gate.segments_told import sentences
from tasks.gate.session_settings import Changed, changed
from tasks.read_scripts import read_migrations

BREAK = "--> statement-breakpoint\n"
ADD = "ALTER TYPE mood ADD VALUE 'happy';"
CIC = "CREATE INDEX CONCURRENTLY a_x ON a (x);"
HERE = Identity(
    system_identifier="1",
    database_oid=2,
    database="shop",
    timeline=1,
    server_version_num=180000,
    server_version="18",
)


def pending(*files: str) -> tuple[Migration, ...]:
    return tuple(
        migration(text.encode(), tag=f"000{n}_x", file=f"000{n}_x.sql", created_at=n, name=None)
        for n, text in enumerate(files)
    )


def split(*files: str, major: int = 18) -> tuple[Segment, ...]:
    found = read_migrations(pending(*files), major)
    assert found.problems == ()
    return found.segments


def plan_of(*files: str, rollbacks: tuple[int, ...] = ()) -> Plan:
    migrations = pending(*files)
    return Plan(
        target="shop",
        identity=HERE,
        tool="drizzle",
        generation=0,
        ledger_schema="drizzle",
        ledger_table="__drizzle_migrations",
        ledger_head=head_of(()),
        migrations=(),
        pending=migrations,
        rollbacks=tuple(Rollback(tag=f"000{n}_x", file="", sha256="", text="select 1") for n in rollbacks),
        segments=split(*files),
    )


def told(segments: tuple[Segment, ...]) -> list[tuple[str, list[str], tuple[str, ...]]]:
    """Kind, statements without blanks around them, and the migrations that are whole with it."""
    return [
        (s.alone.kind if s.alone else "transaction", [t.text.strip(" \n;") for t in s.statements], s.completes)
        for s in segments
    ]


@pytest.mark.parametrize(
    "files",
    [
        ("select 1; select 2;", f"select 3;{BREAK}select 4;"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY v;",),
        ("CREATE TYPE mood AS ENUM ('happy');", "SELECT 'happy'::mood"),
        (ADD, "SELECT 1"),
        (ADD, "INSERT INTO t VALUES ('happy'::tone)"),
        ("CREATE TYPE mood AS ENUM ('sad');", ADD, "SELECT 'happy'::mood"),
        ("ALTER TYPE mood RENAME VALUE 'sad' TO 'happy'", "SELECT 'happy'::mood"),
        ("DO $$ BEGIN PERFORM 1; END $$",),
        ("",),
    ],
)
def test_a_plan_that_one_transaction_holds_has_no_segments(files: tuple[str, ...]) -> None:
    assert split(*files) == ()


def test_the_digest_of_a_plan_without_segments_does_not_know_of_them() -> None:
    plain = plan_of("select 1")
    assert plain.segments == ()
    assert plain.model_copy(update={"segments": split(CIC)}).digest != plain.digest


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (CIC, Kind.BUILD_INDEX),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a);", Kind.BUILD_INDEX),
        ("DROP INDEX CONCURRENTLY s.i;", Kind.DROP_INDEX),
        ("REINDEX TABLE CONCURRENTLY t;", Kind.REINDEX),
        ("REINDEX SCHEMA s;", Kind.REINDEX),
        ("VACUUM (ANALYZE) t;", Kind.VACUUM),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY;", Kind.DETACH),
    ],
)
def test_what_no_transaction_takes_is_a_segment_of_its_own(text: str, kind: Kind) -> None:
    first, alone, last = split("select 1;", text, "select 2;")
    assert (first.alone, last.alone) == (None, None)
    assert alone.alone is not None
    assert alone.alone.kind == kind
    assert [s.completes for s in (first, alone, last)] == [("0000_x",), ("0001_x",), ("0002_x",)]


def test_a_statement_in_the_middle_of_a_piece_is_cut_out_of_it_and_keeps_its_line() -> None:
    segments = split(f"select 1;\nselect 2;\n{CIC}\nselect 3;")
    assert told(segments) == [
        ("transaction", ["select 1", "select 2"], ()),
        (Kind.BUILD_INDEX, [CIC.strip(";")], ()),
        ("transaction", ["select 3"], ("0000_x",)),
    ]
    assert [s.index for segment in segments for s in segment.statements] == [0, 1, 2, 3]
    text = segments[1].statements[0]
    assert segments[1].statements[0].line + text.text[: text.text.index("CREATE")].count("\n") == 3


def test_a_begin_is_only_a_warning_in_the_transaction_of_the_run_and_a_commit_ends_that_one() -> None:
    assert told(split("select 1;", "BEGIN; select 2; COMMIT;", "select 3;")) == [
        ("transaction", ["select 1", "select 2"], ("0000_x", "0001_x")),
        ("transaction", ["select 3"], ("0002_x",)),
    ]
    assert split("select 1;", "BEGIN; select 2;", "select 3;") == ()
    assert told(split("select 1; COMMIT AND CHAIN; BEGIN; select 2; COMMIT; COMMIT;")) == [
        ("transaction", ["select 1"], ()),
        ("transaction", ["select 2"], ("0000_x",)),
    ]


def test_a_procedure_may_commit_only_where_the_transaction_of_the_run_is_over() -> None:
    block = "DO $$ BEGIN COMMIT; END $$;"
    assert split("CALL fill();", "DO $$ BEGIN PERFORM 1; END $$;") == ()
    (problem,) = read_migrations(pending(block), 18).problems
    assert problem.kind == "no-transaction"
    for text in ("CALL s.fill(1);", block):
        first, alone, last = split("select 1; COMMIT;", text, "BEGIN; select 2;")
        assert alone.alone is not None
        assert (alone.alone.kind, first.alone, last.alone) == (Kind.PROCEDURE, None, None)


def test_what_holds_until_commit_holds_for_nothing_behind_one_but_its_own_piece() -> None:
    files = ("select 1; COMMIT;", "SET LOCAL search_path TO a;", "SET LOCAL search_path TO b; select 2;", "select 3;")
    assert told(split(*files)) == [
        ("transaction", ["select 1"], ("0000_x",)),
        ("transaction", [], ("0001_x",)),
        ("transaction", ["SET LOCAL search_path TO b; select 2"], ("0002_x",)),
        ("transaction", ["select 3"], ("0003_x",)),
    ]
    (said,) = read_migrations(pending(*files), 18).notes
    assert said.startswith("0001_x.sql, line 1: has no effect and is not sent: an earlier COMMIT has ended")
    assert len(split("select 1; COMMIT; BEGIN;", "SET LOCAL search_path TO a;", "select 3;")) == 2


def test_the_trick_with_commit_around_an_index_is_three_segments() -> None:
    assert told(split(f"select 1;{BREAK}COMMIT;{BREAK}{CIC}{BREAK}BEGIN;{BREAK}select 2;")) == [
        ("transaction", ["select 1"], ()),
        (Kind.BUILD_INDEX, [CIC.strip(";")], ()),
        ("transaction", ["select 2"], ("0000_x",)),
    ]


def test_a_value_that_a_later_migration_uses_is_committed_between_the_two() -> None:
    assert told(split("select 1;", ADD, f"select 2;{BREAK}INSERT INTO t VALUES ('happy');", "select 3;")) == [
        ("transaction", ["select 1", ADD.strip(";")], ("0000_x", "0001_x")),
        ("transaction", ["select 2", "INSERT INTO t VALUES ('happy')", "select 3"], ("0002_x", "0003_x")),
    ]


def test_a_value_that_the_same_migration_uses_is_committed_before_the_use() -> None:
    assert told(split(f"{ADD} select 1; UPDATE t SET m = 'happy';")) == [
        ("transaction", [ADD.strip(";"), "select 1"], ()),
        ("transaction", ["UPDATE t SET m = 'happy'"], ("0000_x",)),
    ]


def test_a_limit_that_a_migration_sets_for_itself_is_a_text_of_its_own() -> None:
    segments = split(f"SET lock_timeout = '1s'; select 1;{BREAK}{CIC}")
    assert [s.text.strip(" ;") for s in segments[0].statements] == ["SET lock_timeout = '1s'", "select 1"]


def test_an_older_server_wants_values_of_new_types_committed_too() -> None:
    files = ("CREATE TYPE mood AS ENUM ('sad');", ADD, "SELECT 'happy'::mood")
    assert len(split(*files, major=16)) == 2
    assert split(*files, major=17) == ()


def test_why_the_plan_is_split_at_a_value_is_said() -> None:
    (hazard,) = read_migrations(pending(ADD, "UPDATE t SET m = 'happy' WHERE id = 1"), 18).hazards
    assert "uses 'happy' of mood, which 0000_x.sql, line 1 adds" in hazard.replace("may use", "uses")


def test_an_index_without_a_name_is_refused_because_nobody_could_find_it_again() -> None:
    (problem,) = read_migrations(pending("CREATE INDEX CONCURRENTLY ON t (a);"), 18).problems
    assert problem.kind == "unnamed-index"
    assert problem.remedy == "give the index a name"


PIECES = [
    "select 1;",
    "select 1; select 2;",
    "select 1; VACUUM t; select 2;",
    CIC,
    "BEGIN;",
    "COMMIT;",
    "BEGIN; select 5; COMMIT;",
    ADD,
    "INSERT INTO t VALUES ('happy');",
    f"{ADD} INSERT INTO t VALUES ('happy'); select 6;",
    "",
    " -- nothing\n",
]
FILES = st.lists(st.lists(st.sampled_from(PIECES), max_size=5), min_size=1, max_size=5)


@given(FILES)
def test_every_statement_runs_once_in_order_and_every_migration_has_one_row(found: list[list[str]]) -> None:
    files = [BREAK.join(pieces) for pieces in found]
    segments = split(*files)
    if not segments:
        return
    texts = [t for s in segments for statement in s.statements for t in _statements(statement.text)]
    expected = [t for file in files for piece in file.split(BREAK) for t in _statements(piece)]
    assert texts == [t for t in expected if t not in ("BEGIN", "COMMIT")]
    assert [tag for s in segments for tag in s.completes] == [m.tag for m in pending(*files)]
    assert [s.number for s in segments] == list(range(1, len(segments) + 1))
    assert all(len(s.statements) == 1 for s in segments if s.alone)
    assert all(s.statements or s.completes for s in segments)
    keys = [(s.tag, s.index) for segment in segments for s in segment.statements]
    assert len(set(keys)) == len(keys)


@given(FILES)
@example([["ALTER TYPE mood ADD VALUE 'happy';"], ["BEGIN;", "INSERT INTO t VALUES ('happy');"]])
def test_no_segment_uses_a_value_that_it_adds(found: list[list[str]]) -> None:
    for segment in split(*[BREAK.join(pieces) for pieces in found]):
        texts = [t for statement in segment.statements for t in _statements(statement.text)]
        if ADD.strip(";") in texts:
            added = texts.index(ADD.strip(";"))
            assert "INSERT INTO t VALUES ('happy')" not in texts[added:]


def _statements(text: str) -> list[str]:
    parts = (part.strip() for part in text.replace("-- nothing", "").split(";"))
    return [part for part in parts if part]


MIXED = plan_of("select 1;", f"select 2;{BREAK}{CIC}{BREAK}select 3;", "VACUUM t;", rollbacks=(0, 1, 2))


def rows_of(*numbers: int, started: int = 0) -> list[StatementRow]:
    return [
        StatementRow(segment=s.number, tag=t.tag, index=t.index, digest=t.digest, finished=s.number != started)
        for s in MIXED.segments
        if s.number in (*numbers, started)
        for t in s.statements
    ]


def state(shows: LedgerShows, recorded: int, rows: list[StatementRow], left: Left = Left.NOTHING) -> ProductionState:
    found = progress(MIXED, rows, recorded)
    return ProductionState(
        database="shop",
        same_database=True,
        primary=True,
        timeline=1,
        timeline_of_plan=1,
        ledger=shows,
        ledger_rows=recorded,
        ledger_head="",
        progress=found.model_copy(update={"left": left}) if found.started else found,
    )


def test_from_every_half_done_state_the_probe_says_where_the_plan_stands() -> None:
    assert [s.completes for s in MIXED.segments] == [("0000_x",), (), ("0001_x",), ("0002_x",)]
    before, between = LedgerShows.BEFORE, LedgerShows.BETWEEN
    assert settle(state(before, 0, [])).standing is Standing.UNTOUCHED
    assert settle(state(between, 1, rows_of(1))).sentence == "the plan is in production in part: 1 of 4 segments is in"
    begun = settle(state(between, 1, rows_of(1, started=2), Left.UNFINISHED))
    assert begun.standing is Standing.PARTLY
    assert begun.sentence.endswith("CREATE INDEX CONCURRENTLY a_x of 0001_x was begun (it is there unfinished)")
    assert settle(state(between, 2, rows_of(1, 2, 3))).standing is Standing.PARTLY
    assert settle(state(LedgerShows.AFTER, 3, rows_of(1, 2, 3, 4))).standing is Standing.APPLIED


@pytest.mark.parametrize(
    ("recorded", "rows", "words"),
    [
        (0, rows_of(1), "speaks of segment 1 or a later one as in, and the ledger"),
        (1, [], "0 of 4 segments are in, which makes 0 ledger rows"),
        (1, rows_of(1, 3), "speaks of segment 2 or a later one as in"),
        (0, [StatementRow(segment=1, tag="0000_x", index=0, digest="other", finished=True)], "as this plan does not"),
        (0, [StatementRow(segment=1, tag="0009_x", index=0, digest="", finished=True)], "as this plan does not"),
    ],
)
def test_rows_that_do_not_fit_together_are_unknown_and_never_guessed(
    recorded: int, rows: list[StatementRow], words: str
) -> None:
    settled = settle(state(LedgerShows.BETWEEN if recorded else LedgerShows.BEFORE, recorded, rows))
    assert settled.standing is Standing.UNKNOWN
    assert words in settled.sentence


def test_the_ledger_is_compared_row_by_row_with_what_the_plan_writes() -> None:
    own = [LedgerRow(id=None, hash=m.hash, created_at=m.created_at) for m in MIXED.pending]

    def ledger(*rows: LedgerRow) -> Ledger:
        return Ledger(
            schema_name="drizzle", table="t", exists=True, schema_exists=True, has_name=False, rows=tuple(rows)
        )

    assert [recorded_rows(ledger(*own[:n]), MIXED) for n in range(4)] == [0, 1, 2, 3]
    assert recorded_rows(ledger(own[1]), MIXED) is None
    assert recorded_rows(ledger(own[0], own[0]), MIXED) is None


def test_where_all_or_nothing_ends_and_the_way_back_are_said_for_each_segment() -> None:
    head, first, second, third, _ = sentences(MIXED)
    assert head.startswith("not all or nothing, but 4 segments")
    assert first == (
        "segment 1 of 4, one transaction: 2 statements of 0000_x and 0001_x, with the ledger row of 0000_x;"
        " if it fails, it is rolled back and production is as before"
    )
    assert "outside a transaction: CREATE INDEX CONCURRENTLY a_x of 0001_x, no ledger row yet" in second
    assert "segment 1 stays, and the way back is rollback SQL if the rehearsal proves it from there" in second
    assert "segments 1 to 2 stay" in third
    without = sentences(MIXED.model_copy(update={"rollbacks": ()}))
    assert without[2].endswith("the way back is the restore of the backup")
    assert sentences(plan_of("select 1")) == ()


def test_a_setting_of_the_transaction_is_told_from_one_of_the_session_also_inside_a_block():
    inside = "do $$ begin perform set_config('A.b', 'x', true); execute 'set local c.d to y'; end $$;"
    first = f"set e.f = '1'; set local Work_Mem = '5MB'; {inside} set local search_path to one; set search_path to two;"
    found = changed(split(f"{first} commit; {CIC}", "select set_config('g.h', 'x', false), set_config(i, 'x', true)"))
    assert found == {
        1: Changed(local=("work_mem", "a.b", "c.d"), custom=("e.f", "a.b", "c.d")),
        2: Changed(custom=("e.f", "a.b", "c.d")),
        3: Changed(custom=("e.f", "a.b", "c.d", "g.h")),
    }
