"""What a pull request's comment says, how it is cut, and that nothing in it is more than text."""

import pytest

from tasks.gate.plan import Plan
from tasks.gate.proposal import ROOM, comment, marks
from tasks.gate.rehearsal import RollbackRehearsal
from tasks.gate.shortening import REST, shortened
from tasks.gate.tried import Tried
from tests.unit.sample_evidence import migration, plan, rehearsal

EMPTY = Tried(place="an empty copy", empty=True, worth="Durations say nothing.", rehearsal=rehearsal())
FAILED = Tried(
    place="an empty copy",
    failure='the rehearsal failed at 0004_order_channel, statement 2 (line 14): relation "@team" does not exist',
    hint="correct the migration",
    exit_code=3,
    tag="0004_order_channel",
    line=14,
)


def large() -> Plan:
    statement = "INSERT INTO a VALUES ('```', '</details>');\n"
    return plan().model_copy(
        update={"pending": tuple(migration(f"{n:04}_m", (statement * 190,)) for n in range(60)), "problems": ()}
    )


def test_a_comment_says_first_what_the_rehearsal_stood_on():
    said = comment(plan(), "main", EMPTY)
    assert said.index("**Durations say nothing.**") < said.index("## The plan") < said.index("## Rehearsal")
    assert "## The way back" in said


def test_a_statement_that_failed_is_in_the_comment_and_beside_its_line():
    said = comment(plan(), "main", FAILED)
    assert said.startswith("### ❌ ")
    assert "statement 2 (line 14)" in said
    assert "@team" not in said
    assert [(m.level, m.line) for m in marks(plan(), FAILED)][-1] == ("error", 14)


def test_without_a_rehearsal_the_comment_says_that_nothing_was_asked():
    assert "No database was asked" in comment(plan(), "main")


def test_rollback_sql_that_does_not_hold_is_a_warning():
    back = RollbackRehearsal(available=True, ran=True, sentence="the rollback SQL ran, but the schema differs")
    tried = EMPTY.model_copy(update={"rehearsal": rehearsal(rollback=back)})
    assert comment(plan(), "main", tried).startswith("### ⚠️")
    assert "the rollback SQL ran, but the schema differs" in marks(plan(), tried)[-1].sentence


def test_what_was_not_rehearsed_at_all_is_said_with_the_reason():
    tried = Tried(failure="no PostgreSQL 17 is here", hint="install it", exit_code=3)
    assert "There was no rehearsal: no PostgreSQL 17 is here." in comment(plan(), "main", tried)


@pytest.mark.parametrize("room", [2_000, 9_000, ROOM])
def test_a_comment_that_is_too_long_loses_whole_blocks_of_the_plan_and_keeps_the_rehearsal(room: int):
    said = comment(large(), "main", EMPTY, room=room)
    assert len(said) <= room
    assert REST in said
    assert said.count("<details>") == said.count("</details>") - said.count("('```', '</details>')")
    if room == ROOM:
        assert "## The way back" in said


def test_a_cut_is_never_inside_a_fold_or_a_code_block():
    text = "one\n\n<details><summary>a</summary>\n\n````sql\n<details>\n```\n\n````\n\n</details>\n\ntwo\n\nthree\n"
    assert shortened(text, len(text)) == text
    for room in range(len(REST), len(text)):
        kept = shortened(text, room).removesuffix(REST)
        assert kept in ("", "one\n\n", text[: text.index("two")], text[: text.index("three")])
