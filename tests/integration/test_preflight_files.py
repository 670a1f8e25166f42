"""What lies beside the migrations and what the application says: rollback SQL, review, version, window, disk, tools."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings
from tasks.clients.programs import Programs
from tasks.gate.errors import GateError
from tasks.gate.evidence import Verdict
from tasks.gate.plan import script
from tasks.gate.wording import size
from tasks.preflight import client_tools, disk, review, rollback, version, window
from tasks.preflight.check import Answer
from tasks.read_scripts import read_segments
from tests.integration.preflight_stage import (
    FIRST,
    SECOND,
    migrate,
    only,
    question_for,
    said,
    settings_for,
    write_folder,
)
from tests.servers.web import Site, local_site


@pytest.fixture
def settings(production: SecretStr, tmp_path: Path) -> Settings:
    migrate(production, only(FIRST))
    return settings_for(write_folder(tmp_path / "drizzle"), production)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with local_site() as site:
        yield site


def test_rollback_sql_is_named_for_every_pending_migration(settings: Settings) -> None:
    with question_for(settings, rollbacks={SECOND: "alter table orders drop column paid;"}) as question:
        answer = rollback.CHECK.ask(question)
    assert said(answer) == (Verdict.PASS, "rollback SQL is there for 1 pending migration")
    assert answer.evidence == (f"{SECOND}: rollback/{SECOND}.sql",)


@pytest.mark.parametrize(("required", "verdict"), [(False, Verdict.WARN), (True, Verdict.FAIL)])
def test_missing_rollback_sql_warns_unless_policy_requires_it(
    settings: Settings, *, required: bool, verdict: Verdict
) -> None:
    with question_for(settings, policy={"checks": {"require_rollback": required}}) as question:
        answer = rollback.CHECK.ask(question)
    assert said(answer) == (
        verdict,
        f"no rollback SQL for {SECOND}: after a failure only the backup would bring production back",
    )
    assert answer.hint.startswith(f"write {settings.rollback_folder}/{SECOND}.sql, or ")


def test_an_empty_rollback_file_is_none(settings: Settings) -> None:
    with question_for(settings, rollbacks={SECOND: " \n"}) as question:
        answer = rollback.CHECK.ask(question)
    assert (answer.verdict, answer.evidence) == (Verdict.WARN, (f"{SECOND}: rollback/{SECOND}.sql is empty",))


def reviewed(settings: Settings, text: str | bytes | None) -> Answer:
    file = settings.policy_file.parent / "REVIEW.md"
    if text is not None:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    with question_for(settings, policy={"checks": {"review_file": "REVIEW.md"}}) as question:
        return review.CHECK.ask(question)


def hash_of_second(settings: Settings) -> str:
    with question_for(settings) as question:
        return question.plan.pending[0].hash


def test_a_review_names_its_reviewers_and_covers_the_pending_migrations(settings: Settings) -> None:
    digits = hash_of_second(settings)[:12]
    text = f"# Review\n- Reviewed-by: Grace <grace@example.com>\n* reviewed-by: Ada\n- Migration: `{SECOND}` {digits}\n"
    assert said(reviewed(settings, text)) == (Verdict.PASS, "reviewed by Grace <grace@example.com> and Ada")


def test_a_review_may_cover_a_whole_plan_by_its_digest(settings: Settings) -> None:
    with question_for(settings) as question:
        digest = question.plan.digest
    assert reviewed(settings, f"Reviewed-by: Ada\nPlan: {digest[:16]}").verdict is Verdict.PASS
    assert reviewed(settings, f"Reviewed-by: Ada\nPlan: {digest[:4]}").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("Reviewed-by: Ada", f"{SECOND} is not named"),
        (f"Migration: {SECOND}", "nobody is named: a line `Reviewed-by: NAME` is missing"),
        (f"Reviewed-by: Ada\nMigration: {SECOND} 00000000", f"{SECOND} was changed after the review: its hash is "),
        (f"Reviewed-by: Ada\nMigration: {SECOND} 12", f"{SECOND} is named with 2 digits of its hash, too few to"),
        (f"I looked at {SECOND}, Ada", "nobody is named"),
    ],
)
def test_a_review_that_does_not_cover_the_release_says_what_is_missing(settings: Settings, text: str, gap: str) -> None:
    answer = reviewed(settings, text)
    assert answer.verdict is Verdict.FAIL
    assert f"REVIEW.md does not cover this release: {gap}" in answer.sentence
    assert answer.hint.startswith(f"write `Reviewed-by: NAME` and `Migration: {SECOND}` into ")


def test_a_review_file_that_is_missing_or_no_text_fails(settings: Settings) -> None:
    assert reviewed(settings, None).sentence.endswith("REVIEW.md does not exist")
    assert reviewed(settings, b"\xff\xfe").sentence.endswith("REVIEW.md is not UTF-8 text")


@pytest.mark.parametrize(("required", "verdict"), [(False, Verdict.NOT_CONFIGURED), (True, Verdict.FAIL)])
def test_a_review_that_is_not_configured_blocks_only_where_policy_requires_one(
    settings: Settings, *, required: bool, verdict: Verdict
) -> None:
    with question_for(settings, policy={"checks": {"require_review": required}}) as question:
        assert review.CHECK.ask(question).verdict is verdict


def test_nothing_pending_needs_neither_rollback_nor_review(settings: Settings, production: SecretStr) -> None:
    write_folder(settings.migrations, only(FIRST))
    with question_for(settings) as question:
        assert said(rollback.CHECK.ask(question)) == (Verdict.PASS, "nothing is pending")


def asked_version(settings: Settings, url: str | None, expected: str | None) -> Answer:
    with question_for(
        settings.model_copy(update={"version_url": url, "expected_version": expected}),
    ) as question:
        return version.CHECK.ask(question)


@pytest.mark.parametrize("body", ["1.4.2\n", '{"version": "1.4.2"}', '{"name": "shop", "commit": "1.4.2"}', '"1.4.2"'])
def test_the_expected_version_passes_as_text_or_in_json(settings: Settings, site: Site, body: str) -> None:
    url = site.answers("/version", 200, body=body)
    assert said(asked_version(settings, url, "1.4.2")) == (Verdict.PASS, "the application is at 1.4.2")


def test_another_version_fails_and_a_longer_one_is_another(settings: Settings, site: Site) -> None:
    url = site.answers("/version", 200, body='{"commit": "abc", "version": "1.4.20"}')
    answer = asked_version(settings, url, "1.4.2")
    assert said(answer) == (Verdict.FAIL, "the application is at 1.4.20, and 1.4.2 is expected")


def test_a_version_url_that_cannot_be_asked_fails_without_its_query(settings: Settings, site: Site) -> None:
    url = site.answers("/old", 301, Location="/version")
    assert said(asked_version(settings, url + "?key=hunter2", "1")) == (Verdict.FAIL, f"{url} answered 301")
    closed = "http://127.0.0.1:1/version"
    assert said(asked_version(settings, closed, "1")) == (Verdict.FAIL, f"{closed} could not be asked")


def test_half_a_version_configuration_is_said(settings: Settings, site: Site) -> None:
    url = site.answers("/version", 200, body="7")
    assert said(asked_version(settings, url, None)) == (Verdict.WARN, f"{url} says 7; nothing to compare it with")
    assert asked_version(settings, None, "7").verdict is Verdict.FAIL
    assert asked_version(settings, None, None).verdict is Verdict.NOT_CONFIGURED


@pytest.mark.parametrize(
    ("days", "verdict", "sentence"),
    [
        (["wed"], Verdict.PASS, "the deployment window is open until Thu 2026-03-05 00:00 UTC"),
        (
            ["thu"],
            Verdict.FAIL,
            "the deployment window is closed; it opens on Thu 2026-03-05 00:00 UTC, and an approval counts for 4 h",
        ),
    ],
)
def test_the_window_is_read_at_the_moment_of_the_question(
    settings: Settings, days: list[str], verdict: Verdict, sentence: str
) -> None:
    with question_for(settings, policy={"window": [{"days": days}]}) as question:
        assert said(window.CHECK.ask(question)) == (verdict, sentence)


def test_a_window_that_opens_while_an_approval_still_counts_is_waited_for_and_a_freeze_closes_it(
    settings: Settings,
) -> None:
    opens = "the deployment window is closed; it opens on Wed 2026-03-04 15:00 UTC"
    with question_for(settings, policy={"window": [{"start": "15:00"}]}) as question:
        assert said(window.CHECK.ask(question)) == (
            Verdict.WARN,
            f"{opens}: what is approved before waits for it",
        )
    frozen = {"start": "2026-03-01", "end": "2026-03-06", "reason": "audit"}
    with question_for(settings, policy={"window": [{"start": "15:00"}], "freeze": [frozen]}) as question:
        verdict, sentence = said(window.CHECK.ask(question))
    assert verdict is Verdict.FAIL
    assert sentence.startswith(
        "the deployment window is closed; frozen until Sat 2026-03-07 00:00 UTC (audit);"
        " it opens on Sat 2026-03-07 15:00 UTC"
    )


def test_no_window_blocks_nothing(settings: Settings) -> None:
    with question_for(settings) as question:
        assert window.CHECK.ask(question).verdict is Verdict.NOT_CONFIGURED


def test_there_is_room_and_productions_own_is_said_to_be_invisible(settings: Settings) -> None:
    with question_for(settings) as question:
        answer = disk.CHECK.ask(question)
    assert answer.verdict is Verdict.PASS
    assert answer.evidence[-1] == "production's own free space is not visible through SQL: look at it where it runs"


def test_room_is_asked_for_every_copy_that_is_there_at_once_and_one_more_for_a_plan_in_segments(
    settings: Settings,
) -> None:
    with question_for(settings) as question:
        asked = question.production().execute(disk.SIZE).fetchone()
        assert asked is not None
        (plain, *_) = [line for line in disk.CHECK.ask(question).evidence if "the rehearsal's copies" in line]
        cut = read_segments((script("a", "a.sql", ("create index concurrently on a (b)",)),), question.identity.major)
        question.plan = question.plan.model_copy(update={"segments": cut})
        (more, *_) = [line for line in disk.CHECK.ask(question).evidence if "the rehearsal's copies" in line]
    for line, times in ((plain, 3.2), (more, 4.2)):
        assert f": {size(int(times * asked[0]) + disk.EMPTY_CLUSTER)} for the rehearsal's copies" in line


def test_needs_on_one_filesystem_add_up(tmp_path: Path) -> None:
    whole = disk.Need(tmp_path, 1 << 62, "the rehearsal's copies")
    lines, short = disk.judge([whole, disk.Need(tmp_path / "not" / "there", 1, "the backup")])
    assert len(lines) == 2
    assert short[0].startswith("4,612 PB is needed for the rehearsal's copies and the backup, and ")
    assert disk.judge([disk.Need(tmp_path, 1, "the backup")])[1] == []


def test_a_scratch_server_elsewhere_is_not_measured_here(settings: Settings, production: SecretStr) -> None:
    with question_for(settings.model_copy(update={"scratch_url": production})) as question:
        answer = disk.CHECK.ask(question)
    assert "the scratch server's free space is not visible through SQL" in answer.evidence


def test_programs_that_fit_pass_with_where_they_are(settings: Settings, scratch_programs: Programs) -> None:
    with question_for(settings, programs=scratch_programs) as question:
        answer = client_tools.CHECK.ask(question)
    expected = f"pg_dump {scratch_programs.version} fits PostgreSQL {question.identity.server_version}"
    assert said(answer) == (Verdict.PASS, expected)
    assert answer.evidence[0] == f"pg_dump {scratch_programs.version} in {scratch_programs.directory}"


def test_a_folder_without_programs_is_refused_with_the_setting_to_correct(settings: Settings, tmp_path: Path) -> None:
    with question_for(settings.model_copy(update={"pg_bin": tmp_path})) as question:
        question.programs = lambda: client_tools.find(question.identity.major, question.settings.pg_bin, server=False)
        with pytest.raises(GateError, match="GATE_PG_BIN"):
            client_tools.CHECK.ask(question)
