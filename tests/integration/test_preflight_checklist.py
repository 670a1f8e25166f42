"""The checklist as a whole: all asked whatever fails, nothing written, no secret shown, waivers named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings
from tasks.clients.address import parameters
from tasks.clients.fingerprints import take
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.gate.errors import ConfigurationError
from tasks.gate.evidence import Finding, Verdict, Waiver, refusal
from tasks.preflight import CHECKS, run_checks
from tests.integration.preflight_stage import (
    FIRST,
    MIGRATIONS,
    SECOND,
    migrate,
    only,
    question_for,
    session,
    settings_for,
    write_folder,
)
from tests.servers.web import local_site

NAMES = (
    "replay",
    "staging-ledger",
    "staging-schema",
    "staging-identity",
    "staging-health",
    "rollback",
    "review",
    "github-review",
    "version",
    "window",
    "conditions",
    "health",
    "identity",
    "primary",
    "pooler",
    "invalid-indexes",
    "prepared-transactions",
    "old-transactions",
    "other-writers",
    "logical-replication",
    "privileges",
    "client-tools",
    "disk",
)


@pytest.fixture(scope="module")
def scratch(scratch_programs: Programs) -> Iterator[ScratchServer]:
    with scratch_server(scratch_programs, configured=None, never=None) as server:
        yield server


@pytest.fixture
def settings(production: SecretStr, staging: SecretStr, tmp_path: Path) -> Settings:
    migrate(production, only(FIRST))
    migrate(staging, MIGRATIONS)
    return settings_for(write_folder(tmp_path / "drizzle"), production, staging)


def verdicts(findings: tuple[Finding, ...]) -> dict[str, Verdict]:
    return {f.check: f.verdict for f in findings}


def test_the_names_of_the_checks_are_a_contract() -> None:
    assert tuple(check.name for check in CHECKS if not check.repairs_only) == NAMES
    assert [check.name for check in CHECKS if check.repairs_only] == ["marked-schema"]


def test_a_release_that_is_ready_passes_everything(
    settings: Settings, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    (settings.policy_file.parent / "REVIEW.md").write_text(f"Reviewed-by: Ada\nMigration: {SECOND}\n")
    policy = {
        "checks": {"review_file": "REVIEW.md", "command": [{"name": "tests", "argv": ["true"]}]},
        "window": [{}],
        "conditions": {"long_transaction_seconds": 300, "other_dump": True, "wraparound_vacuum": True},
    }
    with local_site() as site:
        well, at = site.answers("/health", 200), site.answers("/version", 200, body="7")
        ready = settings.model_copy(
            update={"health_url": well, "staging_health_url": well, "version_url": at, "expected_version": "7"}
        )
        rollbacks = {SECOND: "alter table orders drop column paid;"}
        with question_for(
            ready, policy=policy, programs=scratch_programs, scratch=scratch, rollbacks=rollbacks
        ) as question:
            findings = run_checks(question, ())
    left = {name: verdict for name, verdict in verdicts(findings).items() if verdict is not Verdict.PASS}
    assert left == {"identity": Verdict.NOT_CONFIGURED, "github-review": Verdict.NOT_CONFIGURED}
    assert [f.check for f in findings] == [*NAMES, "tests"]
    assert all(f.title and f.sentence and f.seconds >= 0 for f in findings)


def test_one_check_that_fails_or_breaks_does_not_stop_the_others(settings: Settings) -> None:
    refused = SecretStr("postgresql://app:canary-password@127.0.0.1:1/staging?connect_timeout=2")
    with question_for(settings.model_copy(update={"staging_url": refused})) as question:
        findings = run_checks(question, ())  # there are no programs and no scratch server: their checks break
    found = verdicts(findings)
    assert [f.check for f in findings] == list(NAMES)
    assert {"replay", "staging-ledger", "staging-schema", "staging-identity", "client-tools"} == {
        name for name, verdict in found.items() if verdict is Verdict.FAIL
    }
    assert found["primary"] is Verdict.PASS
    replay = next(f for f in findings if f.check == "replay")
    assert replay.sentence == "the check itself failed: AssertionError: this test did not expect to be asked for it"
    assert "canary-password" not in "".join(f.model_dump_json() for f in findings)
    error = refusal(findings)
    assert error is not None
    assert error.message.startswith("5 checks failed (replay, staging-ledger, staging-schema, staging-identity, ")


def test_no_secret_of_the_settings_reaches_a_finding(
    settings: Settings, production: SecretStr, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    password = parameters(production)["password"]
    policy = {"checks": {"command": [{"name": "leak", "argv": ["sh", "-c", f"echo {password}; exit 1"]}]}}
    with question_for(settings, policy=policy, programs=scratch_programs, scratch=scratch) as question:
        findings = run_checks(question, ())
    text = "".join(f.model_dump_json() for f in findings)
    assert findings[-1].evidence == ("[secret]",)
    assert password not in text


def test_a_production_that_stops_answering_in_the_middle_is_asked_again(
    settings: Settings, production: SecretStr
) -> None:
    with question_for(settings) as question:
        process = question.production().info.backend_pid
        with session(production) as connection:
            connection.execute("select pg_terminate_backend(%s)", [process])
        findings = run_checks(question, ())
    sentences = {f.check: f.sentence for f in findings}
    assert "the question could not be asked: " in sentences["identity"]
    assert sentences["primary"].startswith("it takes writes")


def test_a_waiver_lets_a_release_without_staging_pass_and_shows_who_and_why(
    settings: Settings, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    waiver = Waiver(check="staging-ledger", reason="the first release", by="ada")
    alone = settings.model_copy(update={"staging_url": None})
    with question_for(alone, programs=scratch_programs, scratch=scratch) as question:
        findings = run_checks(question, [waiver])
    assert refusal(findings) is None
    assert next(f for f in findings if f.check == "staging-ledger").waiver == waiver


def test_a_waiver_of_an_unknown_check_is_refused_before_anything_is_asked(settings: Settings) -> None:
    asked: list[str] = []
    with question_for(settings, say=asked.append) as question, pytest.raises(ConfigurationError) as refused:
        run_checks(question, [Waiver(check="stagng-ledger", reason="x", by="ada")])
    assert refused.value.hint == "did you mean staging-ledger?"
    assert asked == []


def test_nothing_on_production_is_written(
    settings: Settings, production: SecretStr, scratch_programs: Programs, scratch: ScratchServer
) -> None:
    with session(production) as connection:
        before = take(connection)
    with question_for(settings, programs=scratch_programs, scratch=scratch) as question:
        run_checks(question, ())
    with session(production) as connection:
        assert before == take(connection)
