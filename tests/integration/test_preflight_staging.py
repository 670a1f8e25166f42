"""Tested in staging: what ran there, with which content, without drift, and whether the application is well."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.gate.evidence import Verdict
from tasks.preflight import (
    production_health,
    replay_from_empty,
    staging_health,
    staging_identity,
    staging_ledger,
    staging_schema,
)
from tasks.preflight.question import Question
from tests.integration.preflight_stage import (
    FIRST,
    MIGRATIONS,
    SECOND,
    migrate,
    only,
    question_for,
    said,
    session,
    settings_for,
    write_folder,
)
from tests.servers.web import Site, local_site


@pytest.fixture(scope="module")
def scratch(scratch_programs: Programs) -> Iterator[ScratchServer]:
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        yield server


@pytest.fixture
def site() -> Iterator[Site]:
    with local_site() as site:
        yield site


@pytest.fixture
def settings(production: SecretStr, staging: SecretStr, tmp_path: Path) -> Settings:
    migrate(production, only(FIRST))
    migrate(staging, MIGRATIONS)
    return settings_for(write_folder(tmp_path / "drizzle"), production, staging)


def asked(settings: Settings, scratch_programs: Programs, scratch: ScratchServer) -> Question:
    return question_for(settings, programs=scratch_programs, scratch=scratch)


def test_a_release_that_ran_in_staging_passes(settings: Settings) -> None:
    with question_for(settings) as question:
        assert said(staging_ledger.CHECK.ask(question)) == (
            Verdict.PASS,
            "1 pending migration ran on staging with the same content",
        )


def test_a_migration_that_did_not_run_in_staging_is_named(
    production: SecretStr, staging: SecretStr, tmp_path: Path
) -> None:
    migrate(production, only(FIRST))
    migrate(staging, only(FIRST))
    with question_for(settings_for(write_folder(tmp_path / "drizzle"), production, staging)) as question:
        answer = staging_ledger.CHECK.ask(question)
    assert said(answer) == (Verdict.FAIL, f"{SECOND} has not run on staging")
    assert answer.hint == "release to staging first, watch it there, then come back"


def test_a_file_edited_after_it_ran_in_staging_is_refused_in_plain_words(settings: Settings) -> None:
    edited = {**MIGRATIONS, SECOND: "alter table orders add column paid boolean;"}
    write_folder(settings.migrations, edited)
    with question_for(settings) as question:
        answer = staging_ledger.CHECK.ask(question)
    assert said(answer) == (Verdict.FAIL, f"{SECOND} ran on staging with other content")
    assert answer.hint.startswith("never edit a migration that has run")


def test_a_staging_without_a_ledger_says_that_nothing_ran_there(
    production: SecretStr, staging: SecretStr, tmp_path: Path
) -> None:
    migrate(production, only(FIRST))
    with question_for(settings_for(write_folder(tmp_path / "drizzle"), production, staging)) as question:
        verdict, sentence = said(staging_ledger.CHECK.ask(question))
    assert (verdict, sentence) == (
        Verdict.FAIL,
        "staging has no migrations table drizzle.__drizzle_migrations: no migration ever ran there",
    )


def test_without_a_staging_url_exactly_one_check_fails_and_says_how_to_go_on(settings: Settings) -> None:
    with question_for(settings.model_copy(update={"staging_url": None})) as question:
        checks = (staging_ledger, staging_schema, staging_identity, staging_health)
        verdicts = [module.CHECK.ask(question).verdict for module in checks]
        hint = staging_ledger.CHECK.ask(question).hint
    assert verdicts == [Verdict.FAIL, *[Verdict.NOT_CONFIGURED] * 3]
    assert hint == "set GATE_STAGING_URL, or --waive staging-ledger --reason TEXT"


def test_the_folder_replays_from_empty_and_staging_equals_it(
    settings: Settings, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    with asked(settings, scratch_programs, scratch) as question:
        replayed, schema = replay_from_empty.CHECK.ask(question), staging_schema.CHECK.ask(question)
        assert question.replayed() == question.replayed()
    assert replayed.verdict is Verdict.PASS
    assert replayed.sentence.startswith("2 migrations ran from an empty database on PostgreSQL ")
    assert said(schema) == (Verdict.PASS, "staging's schema equals the replay of the migrations")


def test_what_was_changed_by_hand_on_staging_shows_as_a_readable_difference(
    settings: Settings, staging: SecretStr, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    with session(staging) as connection:
        connection.execute("create index by_hand on orders (note)")
    with asked(settings, scratch_programs, scratch) as question:
        answer = staging_schema.CHECK.ask(question)
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.startswith("staging's schema differs from the replay of the migrations in ")
    assert answer.evidence[:2] == ("--- replayed from the migrations", "+++ staging")
    assert "+CREATE INDEX by_hand ON public.orders USING btree (note);" in answer.evidence


def test_a_folder_that_does_not_replay_fails_by_name_and_the_comparison_says_why_it_was_not_made(
    settings: Settings, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    write_folder(settings.migrations, {FIRST: "select from nowhere;", SECOND: "select 1;"})
    with asked(settings, scratch_programs, scratch) as question:
        schema = staging_schema.CHECK.ask(question)
        with pytest.raises(Exception, match=FIRST):
            replay_from_empty.CHECK.ask(question)
    assert said(schema) == (Verdict.FAIL, "there is nothing to compare staging with: the replay from empty failed")


def test_staging_on_another_cluster_passes(settings: Settings) -> None:
    with question_for(settings) as question:
        verdict, sentence = said(staging_identity.CHECK.ask(question))
    assert verdict is Verdict.PASS
    assert sentence.startswith("staging is shop_staging_")


def test_production_given_as_staging_is_recognised_whatever_its_address(
    settings: Settings, production: SecretStr
) -> None:
    otherwise = SecretStr(production.get_secret_value().replace("127.0.0.1", "localhost"))
    with question_for(settings.model_copy(update={"staging_url": otherwise})) as question:
        answer = staging_identity.CHECK.ask(question)
        name = question.identity.database
    assert said(answer) == (Verdict.FAIL, f"staging and production are the same database, {name}")


def test_another_database_of_productions_cluster_warns(settings: Settings, production: SecretStr) -> None:
    beside = SecretStr(production.get_secret_value().rpartition("/")[0] + "/postgres")
    with question_for(settings.model_copy(update={"staging_url": beside})) as question:
        assert said(staging_identity.CHECK.ask(question)) == (
            Verdict.WARN,
            "staging (postgres) is on production's own cluster",
        )


def test_a_health_url_that_answers_2xx_passes_even_at_the_second_try(settings: Settings, site: Site) -> None:
    url = site.answers("/health", 503, 204)
    with question_for(settings.model_copy(update={"staging_health_url": url, "health_url": url})) as question:
        staged, produced = staging_health.CHECK.ask(question), production_health.CHECK.ask(question)
    assert said(staged) == (Verdict.PASS, f"{url} answered 204 No Content at attempt 2")
    assert produced.verdict is Verdict.PASS


def test_a_redirect_to_a_login_page_is_not_health(settings: Settings, site: Site) -> None:
    site.answers("/login", 200)
    url = site.answers("/health", 302, Location="/login") + "?token=hunter2"
    with question_for(settings.model_copy(update={"staging_health_url": url})) as question:
        answer = staging_health.CHECK.ask(question)
    assert said(answer) == (Verdict.FAIL, f"{site.url}/health answered 302 Found, 3 attempts")
    assert site.asked == ["/health?token=hunter2"] * 3


def test_an_application_that_is_ill_before_the_release_stops_it(settings: Settings, site: Site) -> None:
    url = site.answers("/health", 500)
    with question_for(settings.model_copy(update={"health_url": url})) as question:
        answer = production_health.CHECK.ask(question)
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.endswith("answered 500 Internal Server Error, 3 attempts, before anything was released")


def test_health_urls_that_are_not_set_block_nothing(settings: Settings) -> None:
    with question_for(settings) as question:
        answers = [staging_health.CHECK.ask(question), production_health.CHECK.ask(question)]
    assert [a.verdict for a in answers] == [Verdict.NOT_CONFIGURED] * 2


def test_a_search_path_that_is_set_beside_the_migrations_holds_for_their_replay(
    production: SecretStr, staging: SecretStr, tmp_path: Path, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    for url in (production, staging):
        with session(url) as connection:
            connection.execute("create schema app")
            connection.execute(f'alter database "{connection.info.dbname}" set search_path = app, public'.encode())
    migrate(production, only(FIRST))
    migrate(staging, MIGRATIONS)
    settings = settings_for(write_folder(tmp_path / "drizzle"), production, staging)
    with asked(settings, scratch_programs, scratch) as question:
        assert said(staging_schema.CHECK.ask(question)) == (
            Verdict.PASS,
            "staging's schema equals the replay of the migrations",
        )
