"""The report of a release: what happened, step by step, in the words that a person and a machine read."""

import re

import pytest

from tasks.gate.rehearsal import RollbackRehearsal
from tasks.gate.report import Report
from tasks.gate.report_markdown import checks_markdown, plan_markdown, proof_markdown, rehearsal_markdown
from tasks.gate.report_text import checks_lines, rehearsal_lines
from tests.unit import sample_evidence as evidence
from tests.unit import sample_releases as sample
from tests.unit.sample_releases import report


@pytest.fixture
def shipped() -> Report:
    return report(sample.shipped(), manifest=evidence.manifest(), chain_problems=())


@pytest.fixture
def brought_back() -> Report:
    return report(sample.brought_back(), manifest=evidence.manifest())


def test_a_shipped_release_tells_every_step_with_its_time_and_sentence(shipped: Report) -> None:
    text = shipped.text()
    assert "✓ released: 1 migration is in production and verified." in text
    for line in (
        r"✓ Back up\s+2\.3 s\s+backup-20261123-140007 stored, 8\.4 MB\.",
        r"✓ Prove the backup\s+4\.3 s\s+Restored in 2\.9 s, 9 tables and 212,408 rows equal\.",
        r"✓ Approval\s+5 min 30 s\s+Approved by jon \(command-line\): looks good\.",
        r"✓ Apply\s+1\.6 s\s+3 statements committed in 1\.6 s, at attempt 2\.",
        r"✓ Verify\s+2\.2 s",
    ):
        assert re.search(line, text), line
    assert "Recover" not in text


def test_the_report_shows_what_the_rehearsal_said_beside_what_production_took(shipped: Report) -> None:
    assert re.search(r"Statement\s+Rehearsed\s+In production", shipped.text())
    assert re.search(r'ALTER TABLE "orders"\s+4 ms\s+11 ms', shipped.text())


def test_a_recovery_names_the_rung_the_kept_database_and_the_rows_accounted_for(brought_back: Report) -> None:
    text = brought_back.text()
    assert text.splitlines()[3].startswith("! failed and recovered: The health endpoint answered 500 five times")
    assert re.search(r"✗ Verify\s+5\.1 s\s+The health endpoint answered 500", text)
    assert re.search(r"kept as\s+shop_failed_20261123-140000-shop-3fa94c", text)
    assert re.search(r"public\.order_items\s+530\s+360,530\s+360,000\s+primary key", text)
    assert "745 rows written since the backup are only in shop_failed_20261123-140000-shop-3fa94c" in " ".join(
        text.split()
    )


def test_a_release_that_ci_sent_names_its_commit_and_its_files() -> None:
    text = report(sample.chain(sample.opened(bundle={"digest": "f" * 64, "commit": "c" * 40}))).text()
    assert re.search(rf"commit\s+{'c' * 40}", text)
    assert re.search(rf"files\s+sha256:{'f' * 64}", text)


def test_a_refused_release_names_the_problem_and_the_remedy_and_reaches_nothing_else() -> None:
    text = report(sample.refused()).text()
    assert re.search(r"✗ Plan\s+0\.4 s\s+0002_prices\.sql was edited after it ran on staging\.", text)
    assert "HINT: Put the file back." in text
    assert "put the file back with git" in " ".join(text.split())
    assert re.search(r"- Back up\s+not reached", text)


def test_a_waiting_release_shows_the_command_that_approves() -> None:
    text = report(sample.waiting()).text()
    assert f"next: gate approve {sample.RELEASE}" in text
    assert re.search(r"… Approval\s+Waiting for a decision\.", text)


def test_events_that_another_version_wrote_are_named_and_break_nothing() -> None:
    events = sample.chain(
        sample.opened(),
        ("planned", 1.0, {"plan": {"new": "shape"}}),
        ("proved", 1.0, {"backup": 7}),
        ("new_kind", 1.0, {}),
    )
    made = report(events)
    assert "written by another version of Gate, so not shown above: planned and proved" in made.text()
    assert "new kind" in made.text()
    assert made.document["plan"] is None


def test_a_waiver_is_shown_with_who_and_why_and_the_drift_as_a_diff() -> None:
    text = "\n".join(checks_lines(evidence.findings()))
    assert "No drift in staging was waived by mira: the note column is a spike, gone tomorrow" in text
    assert "| +    note text," in text
    assert "8 checks, all read-only: 5 passed, 1 warned, 1 waived, 1 not configured." in text


def test_artifacts_stand_on_their_own() -> None:
    assert plan_markdown(evidence.plan()).startswith("## The plan\n\n1 migration pending after 4 applied")
    assert "| Production is a primary | ✅ pass |" in checks_markdown(evidence.findings())
    proof = proof_markdown(evidence.proof(), evidence.manifest())
    assert "| stored | 8.4 MB (zstd; 41.0 MB before) |" in proof
    assert "came back equal, by count and by content" in proof
    rehearsal = rehearsal_markdown(evidence.rehearsal())
    assert "holds ACCESS EXCLUSIVE on public.orders for 1.3 s: reads and writes wait" in rehearsal.replace("\\", "")
    assert "## The way back" in rehearsal


def test_a_rollback_that_differs_is_said_and_shown() -> None:
    rollback = RollbackRehearsal(
        available=True, ran=True, data_equal=True, ledger_equal=True, again=True, differences=("- an index", "+ none")
    )
    text = "\n".join(rehearsal_lines(evidence.rehearsal(rollback=rollback)))
    assert "The rollback SQL does not bring everything back: the way back is the restore" in text
    assert re.search(r"schema\s+✗ differs", text)
    assert "| - an index" in text


def test_losses_and_surprises_are_warned_of() -> None:
    lossy = evidence.rehearsal(losses=("column orders.total with 120,000 values",), surprises=("public.audit: +12",))
    text = "\n".join(rehearsal_lines(lossy))
    assert "lost: column orders.total with 120,000 values" in text
    assert "changed, though no statement names it: public.audit: +12" in text


def test_the_chain_is_said_to_hold_only_when_somebody_looked() -> None:
    looked = report(sample.shipped(), chain_problems=()).text()
    assert "the chain was checked and holds" in looked
    unlooked = report(sample.shipped())
    assert f"`gate report {sample.RELEASE} --verify` checks them" in " ".join(unlooked.text().split())
    assert unlooked.document["chain"] == {"verified": None, "problems": []}
    broken = report(sample.shipped(), chain_problems=("event 0003 was altered after it was written",))
    assert "event 0003 was altered after it was written" in broken.text()
    assert broken.document["chain"]["verified"] is False


def test_the_restore_by_hand_is_there_with_exact_commands(shipped: Report) -> None:
    assert f"gate restore {evidence.BACKUP}" in shipped.text()
    assert "pg_restore --dbname=shop_restored --exit-on-error dump" in shipped.text()
    without = report(sample.shipped()).text()
    assert "the backup's manifest.json holds the exact commands" in without


def test_machines_find_stable_keys(brought_back: Report) -> None:
    found = brought_back.document
    assert found["format"] == 1
    assert (found["outcome"], found["exit_code"], found["state"]) == ("recovered", 5, "recovered")
    assert found["plan"]["pending"] == ["0004_order_channel"]
    assert found["backup"]["proof"]["rows"] == 212_408
    assert "schema_text" not in found["rehearsal"]
    assert found["approval"]["decision"]["who"] == "jon"
    assert [step["state"] for step in found["steps"]][-2:] == ["stopped here", "done with warnings"]
    assert found["recovery"][0]["kind"] == "failed"
    assert len(found["events"]) == 17
