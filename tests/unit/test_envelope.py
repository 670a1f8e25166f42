"""BEGIN and COMMIT around a rollback file: taken away where they mean what the gate does anyway, and only there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.gate.envelope import without_envelope
from tasks.gate.sql import statements

BODY = "DROP INDEX a; -- é\nALTER TABLE t DROP COLUMN c;\n"


@pytest.mark.parametrize(
    ("begin", "commit"),
    [
        ("BEGIN;\n", "COMMIT;\n"),
        ("-- way back; begin\nbegin;", "commit"),
        ("/* BEGIN; */ START TRANSACTION ;\n", "END TRANSACTION;;\n-- COMMIT\n"),
        ("BEGIN WORK;", "COMMIT WORK /* now */ ; ;"),
    ],
)
def test_an_envelope_is_taken_away_and_every_line_stays_where_it_was(begin: str, commit: str):
    text = without_envelope(begin + BODY + commit)
    assert statements(text)[0].text.strip().endswith("DROP INDEX a")
    assert [s.kind for s in statements(text)] == ["drop_stmt", "alter_table_stmt"]
    assert len(text) == len(begin + BODY + commit)
    assert text.count("\n") == (begin + BODY + commit).count("\n")
    assert BODY in text
    assert ("-- way back; begin" in text) == ("-- way back; begin" in begin)


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        "BEGIN;" + BODY,
        BODY + "COMMIT;",
        "BEGIN;" + BODY + "ROLLBACK;",
        "BEGIN;" + BODY + "COMMIT AND CHAIN;",
        "BEGIN ISOLATION LEVEL SERIALIZABLE;" + BODY + "COMMIT;",
        "SET x.y = 1; BEGIN;" + BODY + "COMMIT;",
        "BEGIN;" + BODY + "COMMIT; SELECT 1;",
        "BEGIN; DROP TABLE a; COMMIT; BEGIN; DROP TABLE b; COMMIT;",
        "BEGIN; COMMIT;",
        "BEGIN; this is not SQL; COMMIT;",
        "DO $$ BEGIN PERFORM 1; END $$;",
        "",
    ],
)
def test_whatever_means_more_than_one_transaction_is_left_alone(text: str):
    assert without_envelope(text) == text


def test_savepoints_and_bodies_with_semicolons_stay():
    inside = (
        "SAVEPOINT a; CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); ROLLBACK TO a; DO $$BEGIN NULL; END$$;"
    )
    text = without_envelope(f"BEGIN; {inside} COMMIT;")
    assert text.strip() == inside
    assert len(text) == len(f"BEGIN; {inside} COMMIT;")


@given(
    st.lists(
        st.sampled_from(["BEGIN", "COMMIT", "DROP TABLE a", "SAVEPOINT s", "-- é BEGIN;\nSELECT 'COMMIT;'"]), max_size=6
    )
)
def test_it_never_takes_away_a_statement_that_does_something(parts: list[str]):
    text = ";\n".join(parts)
    after = without_envelope(text)
    kept, had = ([s.text.strip() for s in statements(t) if s.kind != "transaction_stmt"] for t in (after, text))
    assert kept == had
    assert text.count("SAVEPOINT") == after.count("SAVEPOINT")
