"""Every attack on the approval that we know of, one after the other on one production, which none of them changes."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.project import Project
from tests.attacks import forgeries, identities, worlds
from tests.attacks.stage import FRESH, RULES, Stage, open_stage

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
        _an_honest_release_waits_for_its_window_takes_a_fresh_backup_and_ships(stage)
        assert stage.production() != before


def _an_honest_release_waits_for_its_window_takes_a_fresh_backup_and_ships(stage: Stage) -> None:
    """Without it, a gate that lets nothing through would pass."""
    end = (datetime.now(UTC) + timedelta(seconds=4)).strftime("%Y-%m-%dT%H:%M:%S")
    freeze = f'[[freeze]]\nstart = 2020-01-01\nend = {end}\nreason = "audit"\n'
    honest = stage.attempt(f"{RULES}count = 2\n{freeze}{FRESH}\n")
    honest.accepted("slack", "UBOB")
    honest.accepted("github", "ann-gh")
    assert honest.through() is None
    kinds = [e.kind for e in honest.release.record.events]
    assert kinds.index("holding") < kinds.index("cleared") < kinds.index("applying")
    assert (kinds.count("backed_up"), kinds.count("proved")) == (2, 2)
    assert datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S") >= end
