"""Waivers: who may let which failure pass, and what the refusal says."""

import pytest

from config.policy import Checks, Policy
from tasks.gate.errors import ConfigurationError
from tasks.gate.evidence import Finding, Verdict, Waiver, counts, refusal, with_waivers


def finding(check: str, verdict: Verdict, sentence: str = "") -> Finding:
    return Finding(check=check, title=check.title(), verdict=verdict, sentence=sentence, hint=f"mend {check}")


FINDINGS = (
    finding("replay", Verdict.PASS),
    finding("staging-ledger", Verdict.FAIL, "0007_x ran on staging with other content"),
    finding("rollback", Verdict.WARN),
    finding("disk", Verdict.FAIL, "1 GB is free"),
    finding("review", Verdict.NOT_CONFIGURED),
)
ADA = Waiver(check="staging-ledger", reason="staging is being rebuilt", by="ada")


def waived(*waivers: Waiver, **checks: object) -> tuple[Finding, ...]:
    return with_waivers(FINDINGS, waivers, Policy(checks=Checks.model_validate(checks)))


def test_a_named_person_with_a_reason_lets_a_failure_pass_and_both_stay_visible() -> None:
    found = waived(ADA)[1]
    assert found.verdict is Verdict.WAIVED
    assert found.waiver == ADA
    assert found.sentence == "0007_x ran on staging with other content"


def test_only_a_failure_is_waived_and_everything_else_stays_as_it_is() -> None:
    reasons = {f.check: "because" for f in FINDINGS}
    verdicts = [f.verdict for f in waived(waived=reasons)]
    assert verdicts == [Verdict.PASS, Verdict.WAIVED, Verdict.WARN, Verdict.WAIVED, Verdict.NOT_CONFIGURED]


def test_a_waiver_by_policy_is_shown_as_such() -> None:
    assert waived(waived={"disk": "the volume grows by itself"})[3].waiver == Waiver(
        check="disk", reason="the volume grows by itself", by="gate.toml"
    )


def test_the_waiver_of_a_person_is_shown_rather_than_the_one_of_policy() -> None:
    assert waived(ADA, waived={"staging-ledger": "always"})[1].waiver == ADA


@pytest.mark.parametrize(
    ("waiver", "checks", "message", "hint"),
    [
        (
            ADA.model_copy(update={"check": "staging-leger"}),
            {},
            "--waive staging-leger was asked for, and no check has this name",
            "did you mean staging-ledger?",
        ),
        (
            ADA.model_copy(update={"check": "qqq"}),
            {},
            "--waive qqq was asked for, and no check has this name",
            "the checks are disk, replay, review, rollback, staging-ledger",
        ),
        (ADA, {"waivable": ("disk",)}, "gate.toml does not let staging-ledger be waived", "it lets these: disk"),
        (
            ADA,
            {"waivable": ()},
            "gate.toml does not let staging-ledger be waived",
            "it lets no check be waived: change checks.waivable",
        ),
        (
            ADA.model_copy(update={"by": " "}),
            {},
            "the waiver of staging-ledger names nobody",
            "a waiver needs a person's name",
        ),
        (
            ADA.model_copy(update={"reason": ""}),
            {},
            "the waiver of staging-ledger has no reason",
            '--waive staging-ledger --reason "why it may pass"',
        ),
        (
            None,
            {"waivable": ("dsk",)},
            "gate.toml lists dsk in checks.waivable, and no check has this name",
            "did you mean disk?",
        ),
        (None, {"waived": {"dsk": "x"}}, "gate.toml waives dsk, and no check has this name", "did you mean disk?"),
        (
            None,
            {"waived": {"disk": ""}},
            "gate.toml waives disk without a reason",
            'write checks.waived.disk = "why it may pass"',
        ),
    ],
)
def test_a_waiver_that_cannot_count_is_a_wrong_usage(
    waiver: Waiver | None, checks: dict[str, object], message: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        waived(*([waiver] if waiver else []), **checks)
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_one_failure_refuses_with_its_own_sentence_and_hint() -> None:
    error = refusal(waived(ADA))
    assert error is not None
    assert (error.exit_code, error.message, error.hint) == (3, "disk: 1 GB is free", "mend disk")
    assert error.nouns == {"checks": ["disk"]}


def test_several_failures_are_all_named() -> None:
    error = refusal(FINDINGS)
    assert error is not None
    assert error.message == (
        "2 checks failed (staging-ledger, disk); staging-ledger: 0007_x ran on staging with other content"
    )


def test_warnings_and_what_is_not_configured_refuse_nothing() -> None:
    assert refusal([f for f in FINDINGS if f.verdict is not Verdict.FAIL]) is None
    assert refusal(waived(ADA, waived={"disk": "grows"})) is None


def test_the_checklist_fits_into_one_phrase() -> None:
    assert counts(FINDINGS) == "2 failed, 1 passed, 1 warning, 1 not configured"
