"""Verification against real PostgreSQL and a real HTTP server: each disagreement in its own sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.apply_plan import apply_plan
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import ConfigurationError
from tasks.gate.plan import Plan
from tasks.gate.rehearsal import Rehearsal
from tasks.release import Release
from tasks.verify_release import verify_release
from tasks.watch import VerificationFailed
from tests.integration.releasing import ADD_COLUMN, Shop, kinds, later, open_shop
from tests.servers.web import local_site


@pytest.fixture
def shop(production_server: EmbeddedServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(production_server, tmp_path) as shop:
        yield shop


def applied(shop: Shop, texts: tuple[str, ...] = (ADD_COLUMN,), **options: object) -> tuple[Release, Plan, Rehearsal]:
    """A release whose plan is in production."""
    plan = shop.plan(*texts)
    rehearsal = shop.rehearsal(plan)
    release = shop.release(plan, **options)
    apply_plan(release, plan, rehearsal)
    return release, plan, rehearsal


def invariants(folder: Path, **texts: str) -> dict[str, object]:
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text)
    return {"verify": {"invariants": str(folder), "health_attempts": 2, "health_pause_seconds": 0}}


def test_production_that_is_as_rehearsed_is_verified_and_written_down(shop: Shop, tmp_path: Path):
    policy = invariants(tmp_path / "invariants", paid="select 1 where false", one_more="select 1 limit 0;")
    with local_site() as site:
        url = site.answers("/health", 503, 200)
        verified = verify_release(*applied(shop, policy=policy, health_url=url))
    assert verified.sentence == (
        "the ledger holds the plan's 1 row; the schema equals the rehearsed one; 2 invariants hold; "
        f"{url} answered 200 OK at attempt 2"
    )
    assert verified.watched_seconds == 0


def test_a_verification_that_the_record_holds_is_not_asked_again(shop: Shop):
    release, plan, rehearsal = applied(shop)
    first = verify_release(release, plan, rehearsal)
    shop.sql("drop table visits")
    assert verify_release(release, plan, rehearsal) == first
    assert kinds(release).count("verified") == 1


def test_a_schema_that_is_not_the_rehearsed_one_is_shown_line_by_line(shop: Shop):
    release, plan, rehearsal = applied(shop)
    shop.sql("alter table orders add column surprise int; create index by_hand on visits (path)")
    with pytest.raises(VerificationFailed) as failed:
        verify_release(release, plan, rehearsal)
    assert failed.value.message.startswith(
        "production's schema is not the rehearsed one (- rehearsed, + production):\n"
    )
    assert "\n+    surprise integer" in failed.value.message
    assert "+CREATE INDEX by_hand" in failed.value.message
    assert "verified" not in kinds(release)


def test_a_ledger_with_somebody_elses_row_on_top_fails(shop: Shop):
    release, plan, rehearsal = applied(shop)
    shop.sql("insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 9000)")
    with pytest.raises(
        VerificationFailed, match=r"to end with exactly the 1 row of this plan, found 3 rows that do not"
    ):
        verify_release(release, plan, rehearsal)


def test_an_invalid_index_of_the_release_is_named_and_one_of_somebody_else_is_no_failure(shop: Shop):
    release, plan, rehearsal = applied(shop, texts=(ADD_COLUMN, "create index broken on orders (note)"))
    invalid = "update pg_index set indisvalid = false where indexrelid = '{}'::regclass"
    shop.sql(invalid.format("broken"))
    with pytest.raises(VerificationFailed, match=r"invalid indexes in production: public\.broken"):
        verify_release(release, plan, rehearsal)
    shop.sql(invalid.format("broken").replace("false", "true"))
    shop.sql("create index by_hand on orders (note);" + invalid.format("by_hand"))
    said = verify_release(release, plan, rehearsal).sentence
    assert "(not of this release, and invalid: public.by_hand)" in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("select id, note from orders limit 3;", r"one\.sql returned 3 rows \(id, note\), expected none"),
        ("select nothing from nowhere", r'one\.sql failed: relation "nowhere" does not exist'),
        ("delete from orders", r"one\.sql failed: cannot execute DELETE in a read-only transaction"),
    ],
)
def test_an_invariant_that_does_not_hold_is_named(shop: Shop, tmp_path: Path, text: str, sentence: str):
    with pytest.raises(VerificationFailed, match=f"an invariant does not hold: {sentence}"):
        verify_release(*applied(shop, policy=invariants(tmp_path / "invariants", one=text)))
    assert shop.sql("select count(*) from orders") == [(500,)]


def test_an_empty_folder_of_invariants_does_not_pass_silently(shop: Shop, tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"no \*\.sql in .*, where gate\.toml looks for invariants"):
        verify_release(*applied(shop, policy=invariants(tmp_path / "invariants")))


def test_an_application_that_is_not_well_fails_the_release_without_telling_secrets(shop: Shop):
    with local_site() as site:
        url = site.answers("/health", 500).replace("http://", "http://user:s3cret@") + "?token=s3cret"
        release, plan, rehearsal = applied(shop, health_url=url)
        with pytest.raises(VerificationFailed, match=r"the application is not well: http://127\.0\.0\.1:") as failed:
            verify_release(release, plan, rehearsal)
    assert "answered 500" in failed.value.message
    assert "s3cret" not in str(failed.value)


def test_an_application_that_cannot_be_reached_fails_the_release(shop: Shop):
    with pytest.raises(VerificationFailed, match=r"the application is not well: .* could not be reached"):
        verify_release(*applied(shop, health_url="http://127.0.0.1:9/health"))


def test_the_watch_asks_again_and_again_and_is_written_down(shop: Shop):
    with local_site() as site:
        release, plan, rehearsal = applied(shop, health_url=site.answers("/health", 200), watch_seconds=1.5)
        verified = verify_release(release, plan, rehearsal)
        assert len(site.asked) >= 3
    assert 1.5 <= verified.watched_seconds < 5
    assert "; watched for 1." in verified.sentence


def test_what_goes_wrong_during_the_watch_fails_the_release(shop: Shop, tmp_path: Path):
    policy = invariants(tmp_path / "invariants", totals="select id from orders where total < 0")
    release, plan, rehearsal = applied(shop, policy=policy, watch_seconds=20)
    spoil = "update orders set total = -1 where id = 7"
    with (
        later(1.5, lambda: shop.sql(spoil)),
        pytest.raises(VerificationFailed, match=r"totals\.sql returned 1 row .* into the watch"),
    ):
        verify_release(release, plan, rehearsal)
