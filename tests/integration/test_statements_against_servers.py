"""The parse tree's verdict on locks and transactions beside what each PostgreSQL on this machine really does."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import psycopg
import pytest

from tasks.clients import postgres
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import all_installed
from tasks.gate.effect import Effect
from tasks.gate.rehearsal import strength
from tasks.gate.sql import grammar, statements
from tasks.gate.statements import effects
from tests.integration.statement_cases import CASES, OUTSIDE, SCHEMA
from tests.servers.postgres import FAST, fresh_database

IN_A_TRANSACTION = "25001"
NOT_IN_A_TRANSACTION = "25P01"
ENDS_A_TRANSACTION = "2D000"
NEWER_SYNTAX = ("42601", "0A000")  # an older server does not know the form, or not for a partitioned table
# What is older than the statement: nobody can wait for a relation that it makes itself.
LOCKS = """
select c.relname, c.relkind = 'i' or c.relkind = 'I', l.mode
  from pg_locks l
  join pg_class c on c.oid = l.relation
 where l.pid = %s and l.locktype = 'relation' and c.oid < %s
   and c.relnamespace in (select oid from pg_namespace where nspname in ('public', 'other'))
"""
FILES = """
select c.oid::int8, pg_relation_filenode(c.oid)::int8
  from pg_class c
 where c.relkind in ('r', 'm') and c.oid < %s
   and c.relnamespace in (select oid from pg_namespace where nspname in ('public', 'other'))
"""
SCANS = "select relid::int8, coalesce(seq_scan, 0) from pg_stat_xact_user_tables where relid < %s"
WAITS = "select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
# TRUNCATE makes new files, ANALYZE reads a sample; a move to where the table is, and an index on the empty parent of
# partitions, are no work, which only the catalog knows.
OWN_WORK = (
    "TRUNCATE",
    "ANALYZE",
    "ALTER TABLE t SET TABLESPACE",
    "ALTER TABLE t SET ACCESS METHOD",
    "ALTER INDEX j SET TABLESPACE",
    "ALTER TABLE ALL IN TABLESPACE",
    "CREATE INDEX x ON ONLY p",
)
CHILDREN = {"p1": "p", "p2": "p", "kid": "par"}
CLEAN = """
alter subscription sub set (slot_name = none);
drop subscription sub;
drop owned by gate_cases;
drop role gate_cases;
"""
SERVERS = {programs.major: programs for programs in reversed(all_installed(None)) if programs.has_server}


class Seen(NamedTuple):
    """What the server did."""

    answer: str  # the code of its refusal; "" when the statement ran
    locks: dict[str, tuple[bool, str]]  # strongest mode by relation; True for an index
    rewritten: bool  # the file of a table is another one afterwards
    scanned: bool  # a table was read from its first to its last row


class Stage:
    """One server with the cases' schema: a session that acts, one that watches, one that stands in the way."""

    def __init__(self, major: int, sessions: list[postgres.Connection]) -> None:
        self.major = major
        self.actor, self.watcher, self.blocker = sessions
        self.actor.execute(SCHEMA)
        (self._older,) = self.watcher.execute("select max(oid::int8) + 1 from pg_class").fetchone() or (0,)

    def locks(self) -> dict[str, tuple[bool, str]]:
        """The strongest mode that the actor holds or waits for, by relation; True for an index."""
        found: dict[str, tuple[bool, str]] = {}
        for name, index, mode in self.watcher.execute(LOCKS, [self.actor.info.backend_pid, self._older]):
            if name not in found or strength(mode) > strength(found[name][1]):
                found[name] = (index, mode)
        return found

    def inside(self, text: str) -> Seen:
        """What a statement does in a transaction block, which is rolled back."""
        self.actor.execute("begin")
        try:
            files, scans = self._asked(FILES), self._asked(SCANS)
            self.actor.execute(text.encode())
            locks = self.locks()
            rewritten = any(file != files.get(table, file) for table, file in self._asked(FILES).items())
            scanned = any(scan > scans.get(table, 0) for table, scan in self._asked(SCANS).items())
            return Seen("", locks, rewritten=rewritten, scanned=scanned)
        except psycopg.Error as error:
            return Seen(error.sqlstate or str(error), {}, rewritten=False, scanned=False)
        finally:
            self.actor.execute("rollback")

    def _asked(self, question: str) -> dict[int, int]:
        return dict(self.actor.execute(question.encode(), [self._older]).fetchall())

    def alone(self, text: str) -> str:
        """The server's answer outside of a transaction block."""
        try:
            self.actor.execute(text.encode())
        except psycopg.Error as error:
            return error.sqlstate or str(error)
        return ""

    def alone_and_waiting(self, text: str, block: str) -> tuple[str, dict[str, tuple[bool, str]]]:
        """The same, with the locks that it holds and wants while somebody is in the way."""
        answers: list[str] = []
        runs = threading.Thread(target=lambda: answers.append(self.alone(text)))
        with self.blocker.transaction():
            self.blocker.execute(block.encode())
            runs.start()
            until = time.monotonic() + 20
            while not self.watcher.execute(WAITS, [self.actor.info.backend_pid]).fetchone():
                assert runs.is_alive(), f"{text} did not wait: {answers}"
                assert time.monotonic() < until, text
                time.sleep(0.005)
            seen = self.locks()
        runs.join(20)
        return answers[0], seen


@pytest.fixture(scope="module", params=sorted(SERVERS), ids=lambda major: f"PostgreSQL {major}")
def server(request: pytest.FixtureRequest, production_server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """Each major of this machine; the embedded one runs for other tests, too."""
    programs = SERVERS[request.param]
    if programs.embedded:
        yield production_server
        return
    with EmbeddedServer(programs, settings=FAST) as started:
        yield started


@pytest.fixture
def stage(server: EmbeddedServer) -> Iterator[Stage]:
    with fresh_database(server, "statements") as url, ExitStack() as exits:
        sessions = [exits.enter_context(postgres.connect(url, purpose="test")) for _ in range(3)]
        try:
            yield Stage(sessions[0].info.server_version // 10000, sessions)
        finally:
            sessions[0].execute(CLEAN)


def verdict(text: str, major: int) -> Effect:
    return effects([("x", statements(text)[0])], major)[0]


def transaction_verdict(said: Effect, answer: str) -> str:
    """Where the rule and the server's answer differ, in words."""
    refused = answer in (IN_A_TRANSACTION, ENDS_A_TRANSACTION)
    if refused and said.transaction not in ("no", "depends", "never"):
        return f"a transaction refuses it ({answer}), said {said.transaction}"
    if not refused and said.transaction == "no":
        return f"a transaction takes it ({answer}), said no"
    return ""


def lock_verdicts(said: Effect, seen: dict[str, tuple[bool, str]]) -> Iterator[str]:
    """Where the foreseen locks and the observed ones differ: every named one, and what came on top."""
    named = {t.name: t.lock for t in said.touched if t.named and t.lock and not t.new}
    for name, lock in named.items():
        observed = seen.get(name, (False, "no lock"))[1]
        if observed != lock:
            yield f"{name}: said {lock}, saw {observed}"
    ceiling = max((strength(t.lock) for t in said.touched if not t.named and t.lock), default=-1)
    for name, (index, mode) in seen.items():
        # An index follows its table, a partition its parent, under the same lock or a weaker one.
        follows = index or strength(mode) <= strength(named.get(CHILDREN.get(name, ""), "AccessShareLock"))
        if name not in named and not follows and strength(mode) > ceiling:
            yield f"{name}: said nothing, saw {mode}"


def work_verdict(text: str, said: Effect, seen: Seen) -> str:
    """Where a rewrite or a scan was not said, or said and not seen."""
    if text.startswith(OWN_WORK) or said.work in ("maybe", "unknown"):
        return ""
    if seen.rewritten != (said.work == "rewrite"):
        return f"rewritten: {seen.rewritten}, said {said.work}"
    if said.work != "rows" and seen.scanned != (said.work in ("scan", "rewrite")):
        return f"scanned: {seen.scanned}, said {said.work}"
    return ""


def test_every_verdict_on_locks_and_transactions_is_what_the_server_does(stage: Stage) -> None:
    wrong: list[str] = []
    compared = 0
    for text in CASES:
        said = verdict(text, stage.major)
        seen = stage.inside(text)
        if seen.answer in NEWER_SYNTAX and stage.major < grammar():
            continue
        problems = [transaction_verdict(said, seen.answer)]
        if not seen.answer:
            problems += [*lock_verdicts(said, seen.locks), work_verdict(text, said, seen)]
        elif seen.answer not in (IN_A_TRANSACTION, ENDS_A_TRANSACTION):
            problems.append(f"the case is wrong: {seen.answer}")
        if said.transaction == "required" and stage.alone(text) != NOT_IN_A_TRANSACTION:
            problems.append("it runs outside of a transaction, said required")
        wrong += [f"{text}: {problem}" for problem in problems if problem]
        compared += 1
    print(f"PostgreSQL {stage.major}: {compared} statements compared")
    assert wrong == []
    assert compared >= 120


def test_what_runs_outside_of_a_transaction_only_takes_the_locks_that_were_said(stage: Stage) -> None:
    wrong: list[str] = []
    for text, block in OUTSIDE:
        said = verdict(text, stage.major)
        answer = stage.inside(text).answer
        problems = [transaction_verdict(said, answer)]
        if answer in NEWER_SYNTAX and stage.major < grammar():
            continue
        answer, seen = stage.alone_and_waiting(text, block)
        problems += [*lock_verdicts(said, seen), answer and f"it fails outside of a transaction, too: {answer}"]
        wrong += [f"{text}: {problem}" for problem in problems if problem]
    assert wrong == []
