"""After the COMMIT: who could not look, or not write down what was seen, undoes nothing; a later run goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from flows.attempt import apply_and_verify
from flows.checklist import Checklist
from tasks import invariants, watch
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.seaweed import SeaweedServer
from tasks.clients.stores import open_store
from tasks.gate.errors import GateError, NotRecovered
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal
from tasks.release import Release
from tasks.workshop import Workshop
from tests.integration.releasing import ADD_COLUMN, Shop, kinds, later, open_shop
from tests.servers.line import Fate, line_to
from tests.servers.seaweed import BUCKET

HELD = "select 1 where pg_advisory_xact_lock_shared(4711) is null"


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """An invariant that has to wait while somebody holds a lock."""
    monkeypatch.setattr(invariants, "LOCK_TIMEOUT_MS", 100)
    (tmp_path / "invariants").mkdir()
    (tmp_path / "invariants" / "free.sql").write_text(HELD)
    return {"verify": {"invariants": str(tmp_path / "invariants")}}


@contextmanager
def lock_held(shop: Shop) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shop.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(4711)")
        yield connection


def carried(shop: Shop, release: Release, plan: Plan, rehearsal: Rehearsal) -> GateError | None:
    with Workshop(release.settings, release.policy, plan.identity) as workshop:
        return apply_and_verify(Checklist(), release, workshop, plan, rehearsal, shop.back_up())


def test_an_invariant_that_cannot_be_asked_for_a_moment_is_asked_again(shop: Shop, policy: dict[str, object]):
    plan = shop.plan(ADD_COLUMN)
    release, rehearsal = shop.release(plan, policy=policy), shop.rehearsal(plan)
    with lock_held(shop) as holder, later(1.0, holder.close):
        assert carried(shop, release, plan, rehearsal) is None
    assert "1 invariant" in str((release.record.last("verified") or pytest.fail("not verified")).body["sentence"])


def test_an_invariant_that_cannot_be_asked_at_all_halts_the_release_and_a_later_run_verifies_it(
    shop: Shop, policy: dict[str, object], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watch, "PATIENCE_S", 0.0)
    plan = shop.plan(ADD_COLUMN)
    release, rehearsal = shop.release(plan, policy=policy), shop.rehearsal(plan)
    with lock_held(shop), pytest.raises(NotRecovered) as halted:
        carried(shop, release, plan, rehearsal)
    assert halted.value.message == (
        "production could not be verified: the invariant free.sql could not be asked: canceling statement due to lock "
        "timeout; the plan is applied: the ledger is exactly as it leaves it, and was left so"
    )
    assert f"gate resume {release.id}" in halted.value.hint
    assert not {"failed", "recovering"} & set(kinds(release))
    assert carried(shop, release, plan, rehearsal) is None
    assert kinds(release).count("applied") == kinds(release).count("verified") == 1


def test_a_store_that_goes_away_at_the_commit_undoes_nothing(shop: Shop, s3_server: SeaweedServer, s3_url: str):
    prefix = s3_url.partition("?")[0].removeprefix(f"s3://{BUCKET}/")
    with line_to(s3_server) as line:
        plan, shop.store = shop.plan(ADD_COLUMN), open_store(line.url(BUCKET, prefix))
        release, rehearsal = shop.release(plan), shop.rehearsal(plan)
        release.record._patience = 0.2
        backup, written = shop.back_up(), line.seen["put"]
        # The schema before, and `applying`; then nothing more, `applied` first of all.
        line.fate = lambda operation, count: (
            Fate.BUSY if (operation, count > written + 2) == ("put", True) else Fate.PASS
        )
        with Workshop(release.settings, release.policy, plan.identity) as workshop:
            with pytest.raises(NotRecovered, match=r"could not write .*; the plan is applied: .*, and was left so"):
                apply_and_verify(Checklist(), release, workshop, plan, rehearsal, backup)
            line.fate = lambda _operation, _count: Fate.PASS
            assert apply_and_verify(Checklist(), release, workshop, plan, rehearsal, backup) is None
    assert not {"failed", "recovering"} & set(kinds(release))
    assert kinds(release).count("applied") == kinds(release).count("verified") == 1
