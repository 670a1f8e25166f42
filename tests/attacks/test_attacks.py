"""Every attack on the approval that we know of, one after the other on one production, which none of them changes."""

import pytest

from tests.acceptance.project import Project
from tests.attacks import forgeries, identities, worlds
from tests.attacks.stage import RULES, open_stage

CASES = [*identities.CASES, *forgeries.CASES, *worlds.CASES]


def test_no_attack_gets_a_statement_into_production_and_an_honest_yes_does(
    project: Project, subtests: pytest.Subtests
) -> None:
    with open_stage(project) as stage:
        before = stage.production()
        for case in CASES:
            with subtests.test(case.__name__.replace("_", " ")):
                try:
                    attempt = case(stage)
                    stopped = attempt.through()
                    assert stopped is not None
                    assert stopped.exit_code in {2, 3, 4}, stopped
                    if case not in worlds.SEEN_BY_THE_STEPS:
                        assert attempt.straight() is not None
                    assert attempt.release.record.last("applied") is None
                finally:
                    stage.put_back()
                assert stage.production() == before
        honest = stage.attempt(RULES + "count = 2\n")
        honest.accepted("slack", "UBOB")
        honest.accepted("github", "ann-gh")
        assert honest.through() is None
        assert stage.production() != before
