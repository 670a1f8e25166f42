"""Where the parse tree and the rehearsal disagree, the approver is told; where they agree, nothing is said."""

from tasks.gate import sql
from tasks.gate.foreseen import disagreements
from tasks.gate.rehearsal import Lock, Rehearsal, RehearsedStatement, RollbackRehearsal
from tasks.gate.statements import effects


def notes(text, *locks, rewrites=(), held=()):
    found = effects([("0001_x", s) for s in sql.statements(text)], 18, frozenset())
    measured = RehearsedStatement(
        tag="0001_x",
        index=0,
        sql=text,
        seconds=0.1,
        locks=tuple(Lock(relation=name, mode=mode, held_seconds=1) for name, mode in locks),
        held_before=tuple(Lock(relation=name, mode=mode, held_seconds=1) for name, mode in held),
        rewrites=rewrites,
    )
    rehearsal = Rehearsal(
        statements=(measured,),
        seconds=1,
        schema_sha256="",
        schema_text="",
        rollback=RollbackRehearsal(available=False),
    )
    return [note.removeprefix("0001_x, statement 1: ") for note in disagreements(found, rehearsal)]


def test_what_was_measured_as_it_was_foreseen_needs_no_note():
    assert notes("CREATE INDEX ON t (a)", ("public.t", "ShareLock")) == []
    assert notes('ALTER TABLE "T x" ADD b int', ('public."T x"', "AccessExclusiveLock")) == []
    assert notes("DROP INDEX i", ("public.i", "AccessExclusiveLock"), ("public.t", "AccessExclusiveLock")) == []
    assert notes("UPDATE t SET a = 1", ("public.t", "RowExclusiveLock"), ("public.o", "RowShareLock")) == []


def test_a_stronger_lock_than_foreseen_is_a_note():
    assert notes("CREATE INDEX ON t (a)", ("public.t", "AccessExclusiveLock")) == [
        "SHARE on public.t was expected, and ACCESS EXCLUSIVE was measured"
    ]


def test_a_lock_on_what_the_statement_does_not_show_is_a_note():
    assert notes("UPDATE t SET a = 1", ("public.audit", "AccessExclusiveLock")) == [
        "it took ACCESS EXCLUSIVE on public.audit, which the statement does not show"
    ]


def test_a_partition_follows_its_table_without_a_note():
    assert notes("ALTER TABLE t ADD b int", ("public.t_1", "AccessExclusiveLock")) == []


def test_a_lock_that_an_earlier_statement_holds_is_no_disagreement():
    held = [("public.t", "ShareLock")]
    assert notes("ALTER TABLE t ADD b int", held=held) == []
    assert notes("ALTER TABLE t ADD b int", ("public.t", "ShareUpdateExclusiveLock"), held=held) == []


def test_a_rewrite_that_was_not_foreseen_and_one_that_did_not_come_are_notes():
    taken = ("public.t", "AccessExclusiveLock")
    assert notes("ALTER TABLE t ALTER a TYPE int", taken, rewrites=("public.t",)) == []
    assert notes("ALTER TABLE t ADD b int", taken, rewrites=("public.t",)) == [
        "it rewrote public.t, which the statement does not show"
    ]
    assert notes("ALTER TABLE t ADD b serial", taken) == ["a rewrite was expected, and none was measured"]


def test_what_is_unknown_beforehand_cannot_be_contradicted():
    assert notes("DO $$ BEGIN EXECUTE x; END $$", ("public.t", "AccessExclusiveLock")) == []
