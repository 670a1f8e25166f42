"""GATE_LOG_FORMAT=json: every line is an object that a search can find by release, step and outcome."""

import json

from tests.acceptance.project import Project


def test_each_step_of_a_release_is_one_object_with_release_target_duration_and_outcome(project: Project):
    project.ready()
    ended = project.gate("run", "--yes", GATE_LOG_FORMAT="json")
    assert ended.code == 0, ended.all
    lines = [json.loads(line) for line in ended.err.splitlines()]
    release = lines[-1]["release"]
    steps = [line for line in lines if "seconds" in line]
    assert [line["step"] for line in steps][-3:] == ["Check again", "Apply", "Verify"]
    assert {(line["release"], line["target"], line["outcome"]) for line in steps[1:]} == {(release, "shop", "done")}
    assert lines[-1]["outcome"] == "released"
    assert "note" in lines[-1]["sentence"]


def test_a_step_that_refuses_says_so_in_its_line(project: Project):
    project.begin()
    project.add("note", ("ALTER TABLE orders ADD COLUMN note text;",))
    ended = project.gate("run", "--yes", GATE_LOG_FORMAT="json")
    assert ended.code == 3
    lines = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    assert [line["outcome"] for line in lines if line.get("step") == "Preflight" and "outcome" in line] == ["stopped"]
    assert lines[-1]["outcome"] == "refused"
