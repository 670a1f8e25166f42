"""What a rollback takes back: always the newest first, and only where the tool will then apply it again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gate.errors import ConfigurationError
from tasks.gate.plan import Folder, Ledger, Migration, State
from tasks.gate.take_back import back_to, judged, of_release, pieces, rows_after, staying
from tasks.gate.undo import blamed, undo
from tasks.tool import DBMATE, DRIZZLE, Tool


def folder(generation: int, stamps: list[int]) -> Folder:
    migrations = tuple(
        Migration(
            tag=f"t{n}",
            file=f"t{n}.sql",
            hash=f"h{n}",
            created_at=stamp,
            name=f"t{n}" if generation else None,
            statements=(),
        )
        for n, stamp in enumerate(stamps)
    )
    return Folder(tool="drizzle", generation=generation, path="drizzle", migrations=migrations)


def ledger(tool: Tool, project: Folder, order: list[int]) -> Ledger:
    """Rows written in this order."""
    rows = [
        tool.rows.written(project.migrations[n], project.generation).model_copy(update={"id": place})
        for place, n in enumerate(order, 1)
    ]
    return Ledger(
        schema_name="drizzle",
        table="m",
        exists=True,
        schema_exists=True,
        has_name=project.generation == 1,
        rows=tuple(rows),
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[Tool, Folder, Ledger, list[int]]:
    tool, generation = draw(st.sampled_from([(DRIZZLE, 0), (DRIZZLE, 1), (DBMATE, 1)]))
    stamps = draw(st.lists(st.integers(1, 20), min_size=1, max_size=6, unique=True))
    applied = draw(st.permutations(range(len(stamps))).flatmap(lambda p: st.integers(1, len(p)).map(lambda n: p[:n])))
    project = folder(generation, stamps)
    return tool, project, ledger(tool, project, list(applied)), list(applied)


@given(histories(), st.data())
def test_whatever_is_not_refused_is_pending_again_for_the_tool_and_nothing_else_moved(
    history: tuple[Tool, Folder, Ledger, list[int]], data: st.DataObject
):
    tool, project, before, applied = history
    chosen = data.draw(st.lists(st.sampled_from(applied), min_size=1, unique=True))
    choice = of_release(project, before, tool.rows, "r", [f"t{n}" for n in chosen])
    after = before.model_copy(update={"rows": rows_after(before, choice.taken)})
    lines, _, problems = tool.states(project, after, 10**15)
    refused, _ = judged(choice.taken, lines, problems, tool.name)
    taken = [t.migration.tag for t in choice.taken]
    assert taken == [f"t{n}" for n in reversed(applied) if n in chosen]
    assert len(after.rows) == len(before.rows) - len(chosen)
    assert all(row in before.rows for row in after.rows)
    state = {line.tag: line.state for line in lines}
    assert {p.tag for p in refused} >= {tag for tag in taken if state[tag] is not State.PENDING}
    if not refused:
        assert all(state[tag] is State.PENDING for tag in taken)
    later = [f"t{n}" for n in applied[applied.index(next(n for n in applied if n in chosen)) :] if n not in chosen]
    assert list(staying(project, before, tool.rows, choice.taken)) == later


@given(histories(), st.data())
def test_back_to_a_migration_takes_everything_that_was_written_since(
    history: tuple[Tool, Folder, Ledger, list[int]], data: st.DataObject
):
    tool, project, before, applied = history
    place = data.draw(st.integers(0, len(applied) - 1))
    choice = back_to(project, before, tool.rows, f"t{applied[place]}")
    assert [t.migration.tag for t in choice.taken] == [f"t{n}" for n in reversed(applied[place:])]
    assert rows_after(before, choice.taken) == before.rows[:place]


def test_a_row_above_without_its_file_and_names_that_nothing_has_are_refused():
    project = folder(0, [1, 2, 3])
    before = ledger(DRIZZLE, project, [0, 1, 2])
    known = project.model_copy(update={"migrations": project.migrations[:2]})
    [problem] = back_to(known, before, DRIZZLE.rows, "t1").problems
    assert "row 3 of drizzle.m was written after t1, and no file here is what ran then" in problem.cause
    with pytest.raises(ConfigurationError, match="there is no migration t9") as slip:
        back_to(project, before, DRIZZLE.rows, "t9")
    assert "did you mean t" in slip.value.hint
    with pytest.raises(ConfigurationError, match="t2 is not applied as this folder has it"):
        back_to(project, ledger(DRIZZLE, project, [0]), DRIZZLE.rows, "t2")
    with pytest.raises(ConfigurationError, match="release r applied t2, and no row"):
        of_release(project, ledger(DRIZZLE, project, [0]), DRIZZLE.rows, "r", ["t2"])


def test_a_file_is_taken_apart_at_its_statements_and_stays_whole_where_nobody_can_read_it():
    assert pieces("-- why\ndrop table a; drop function f();\n", "x.sql") == (
        "-- why\ndrop table a;",
        " drop function f();",
    )
    assert pieces("/* a; */ select ';' ;\n\nselect 2", "x.sql") == ("/* a; */ select ';' ;", "\n\nselect 2;")
    assert pieces("drop tabel a;", "x.sql") == ("drop tabel a;",)


def test_a_rollback_is_blamed_only_for_what_did_not_differ_before_it():
    drift = ["--- a", "+++ b", "@@ -1 +1 @@", " same", "+CREATE INDEX drift;", "-ALTER TABLE x;"]
    after = [*drift, "+CREATE INDEX left;", "+CREATE INDEX drift;", "+"]
    assert blamed(after, drift) == ("+CREATE INDEX left;", "+CREATE INDEX drift;")
    found = undo("the history", ["+x"] * 70, again="relation exists")
    assert len(found.leftovers) == 61
    assert found.sentence.startswith("it does not undo everything: 70 lines of the schema differ from the history;")
    assert undo("", (), "", unknown="no replay").sentence.startswith("what it leaves behind is not known: no replay")
