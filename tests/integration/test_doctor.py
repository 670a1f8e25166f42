"""`gate doctor`: each capability is proved by using it, and each problem is one line with its remedy."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks import doctor_places
from tasks.clients.address import make_url, parameters
from tasks.doctor import CHECKS, examine
from tasks.doctor_bench import Bench, bench_for
from tasks.doctor_places import PREFECT, STORE, STORE_CLOCK
from tasks.doctor_servers import DUMP, SCRATCH
from tasks.gate.evidence import Finding, Verdict
from tasks.preflight.asking import ask_all
from tasks.preflight.check import Check
from tests.integration.preflight_stage import FIRST, MIGRATIONS, migrate, only, plain_role, settings_for, write_folder
from tests.servers.web import Site, local_site


@pytest.fixture
def settings(production: SecretStr, staging: SecretStr, tmp_path: Path) -> Settings:
    migrate(production, only(FIRST))
    migrate(staging, MIGRATIONS)
    return settings_for(write_folder(tmp_path / "drizzle"), production, staging)


@pytest.fixture
def site() -> Iterator[Site]:
    with local_site() as site:
        yield site


def examined(settings: Settings, **environment: str) -> dict[str, Finding]:
    findings = examine(settings, Policy(), environment=environment)
    assert [f.check for f in findings] == [check.name for check in CHECKS]
    return {f.check: f for f in findings}


def one(settings: Settings, check: Check[Bench], **environment: str) -> Finding:
    """A single line, without the time that all the others take."""
    with bench_for(settings, Policy(), environment) as bench:
        (finding,) = ask_all([check], bench, frozenset())
    return finding


def broken(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: f.sentence for name, f in findings.items() if f.verdict is Verdict.FAIL}


def test_a_machine_on_which_everything_works_passes_line_by_line(
    settings: Settings, site: Site, tmp_path: Path
) -> None:
    site.answers("/api/health", 200)
    well = site.answers("/health", 200)
    told: list[str] = []
    findings = examine(
        settings.model_copy(update={"health_url": well, "staging_health_url": well}),
        Policy(),
        tell=lambda finding: told.append(finding.check),
        environment={"PREFECT_API_URL": f"{site.url}/api"},
    )
    found = {f.check: f for f in findings}
    assert {n: f.sentence for n, f in found.items() if f.verdict not in {Verdict.PASS, Verdict.NOT_CONFIGURED}} == {}
    unset = {"version", "slack", "slack-channel", "slack-people", "serve", "github", "gitlab"}
    assert {n for n, f in found.items() if f.verdict is Verdict.NOT_CONFIGURED} == unset
    assert told == [check.name for check in CHECKS]
    assert found["ledger"].sentence == "drizzle.__drizzle_migrations holds 1 row"
    assert found["staging"].sentence.endswith("2 rows in its migrations table")
    assert found["dump"].sentence.startswith("pg_dump ")
    assert " began a dump in " in found["dump"].sentence
    assert ", made for this and gone again, " in found["scratch"].sentence
    assert " writes, refuses to overwrite, reads and deletes, in " in found["store"].sentence
    assert "2 migrations in " in found["migrations"].sentence
    assert found["prefect"].sentence == f"{site.url}/api/health answered 200 OK"
    assert [p for p in (tmp_path / "store").rglob("*") if p.is_file()] == []  # nothing is left in the store


def test_without_anything_set_one_line_names_the_setting_and_the_others_say_why_they_were_not_asked(
    tmp_path: Path,
) -> None:
    settings = Settings(migrations=tmp_path / "drizzle", store_url=(tmp_path / "store").as_uri())
    findings = examined(settings)
    assert broken(findings).keys() == {"settings", "production", "migrations"}
    assert findings["settings"].sentence == "GATE_PRODUCTION_URL is not set"
    for name in ("primary", "privileges", "dump", "scratch", "clock", "staging-identity"):
        assert findings[name].sentence == "not asked, because production cannot be reached"
    assert findings["staging"].hint == "set GATE_STAGING_URL"
    assert findings["store"].verdict is Verdict.PASS


def test_a_wrong_password_is_one_line_and_never_shown(settings: Settings, production: SecretStr) -> None:
    wrong = make_url({**parameters(production), "password": "canary-password"})
    findings = examined(settings.model_copy(update={"production_url": wrong}))
    assert broken(findings).keys() == {"production"}
    assert findings["production"].hint
    assert "canary-password" not in "".join(f.model_dump_json() for f in findings.values())


def test_a_role_without_privileges_is_told_what_to_type_and_its_dump_really_fails(
    settings: Settings, production: SecretStr
) -> None:
    with plain_role(production) as (name, url):
        findings = examined(settings.model_copy(update={"production_url": url}))
        assert broken(findings).keys() >= {"privileges", "dump"}
        assert f'GRANT USAGE ON SCHEMA "drizzle" TO "{name}"' in "".join(findings["privileges"].evidence)
        assert findings["dump"].sentence.startswith("pg_dump cannot dump production: pg_dump: error: ")
        assert "permission denied" in findings["dump"].sentence


def test_production_given_as_staging_is_found(settings: Settings, production: SecretStr) -> None:
    check = next(check for check in CHECKS if check.name == "staging-identity")
    found = one(settings.model_copy(update={"staging_url": production}), check)
    assert found.verdict is Verdict.FAIL
    assert found.sentence.startswith("staging and production are the same database, shop_")


def test_a_store_that_cannot_be_written_is_one_line(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = SecretStr((tmp_path / "file" / "store").as_uri())
    found = one(settings.model_copy(update={"store_url": blocked}), STORE)
    assert found.verdict is Verdict.FAIL
    assert found.sentence
    assert found.hint


def test_a_prefect_server_that_does_not_answer_fails_with_what_to_do(settings: Settings) -> None:
    found = one(settings, PREFECT, PREFECT_API_URL="http://127.0.0.1:1/api")
    assert (found.verdict, found.sentence) == (Verdict.FAIL, "http://127.0.0.1:1/api/health could not be reached")
    assert found.hint == "start it with `prefect server start`, or unset PREFECT_API_URL"


def test_a_scratch_server_that_is_productions_own_is_refused(settings: Settings, production: SecretStr) -> None:
    assert one(settings.model_copy(update={"scratch_url": production}), SCRATCH).verdict is Verdict.FAIL


def test_a_folder_of_programs_without_programs_names_the_setting(settings: Settings, tmp_path: Path) -> None:
    findings = examined(settings.model_copy(update={"pg_bin": tmp_path}))
    assert "GATE_PG_BIN" in findings["client-tools"].sentence
    assert findings["dump"].sentence == "not asked, because no PostgreSQL programs fit production"


def test_the_dump_that_was_begun_is_gone(settings: Settings, production: SecretStr) -> None:
    with bench_for(settings, Policy(), {}) as bench:
        assert DUMP.ask(bench).verdict is Verdict.PASS
        query = (
            "select count(*) from pg_stat_activity where application_name = 'pg_dump' and datname = current_database()"
        )
        for _ in range(50):
            left = bench.production().execute(query).fetchone()
            if left == (0,):
                break
            bench.production().execute("select pg_sleep(0.1)")
    assert left == (0,)


def test_a_file_that_drizzle_ignores_is_named(settings: Settings) -> None:
    (settings.migrations / "0002_forgotten.sql").write_text("select 1;")
    found = one(settings, doctor_places.MIGRATIONS)
    assert found.verdict is Verdict.WARN
    assert "; drizzle ignores " in found.sentence
    assert "0002_forgotten" in found.sentence


def test_the_environment_of_the_process_is_the_default(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert bench_for(settings, Policy()).environment == dict(os.environ)


def test_an_s3_store_is_proved_with_its_clock(settings: Settings, s3_url: str) -> None:
    with bench_for(settings.model_copy(update={"store_url": SecretStr(s3_url)}), Policy(), {}) as bench:
        stored, clock = STORE.ask(bench), STORE_CLOCK.ask(bench)
    assert stored.verdict is Verdict.PASS
    assert " writes, refuses to overwrite, reads and deletes, in " in stored.sentence
    assert (clock.verdict, clock.sentence) == (Verdict.PASS, "this machine's clock and the store's agree")


@pytest.mark.parametrize(
    ("date", "verdict", "sentence"),
    [
        ("Mon, 02 Jan 2006 15:04:05 GMT", Verdict.WARN, "this machine's clock and the store's are "),
        ("soon", Verdict.NOT_CONFIGURED, " does not say what time it is"),
    ],
)
def test_a_store_whose_clock_is_wrong_or_unknown_is_said(
    settings: Settings, site: Site, date: str, verdict: Verdict, sentence: str
) -> None:
    site.answers("/", 403, date=date)
    url = SecretStr(f"s3://bucket/prefix?endpoint_url={site.url}/&region=x")
    with bench_for(settings.model_copy(update={"store_url": url}), Policy(), {}) as bench:
        answer = STORE_CLOCK.ask(bench)
    assert answer.verdict is verdict
    assert sentence in answer.sentence
