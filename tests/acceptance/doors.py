"""A release as CI starts it and people answer it: every process on its own, GitHub and Slack as local servers."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tasks.clients.stores import open_store
from tests.acceptance.prefect_runs import ask, deployment, until
from tests.acceptance.project import GATE, Ended, Project
from tests.servers import slack as slack_server
from tests.servers.github import REPOSITORY, SECRET, TOKEN, FakeGitHub
from tests.servers.slack import Message, Workspace, send

ACTION = Path(__file__).parents[2] / "deploy" / "github" / "action.yml"
STEPS = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
SCRIPT = next(str(step["run"]) for step in STEPS if step.get("id") == "release")
ANN = "U0ANN"
POLICY = f"""
[checks]
review_approvals = 1

[[people]]
name = "ann"
slack = "{ANN}"

[[people]]
name = "ada"
github = "ada"

[approval]
approvers = ["ann"]
"""


@dataclass
class Doors:
    """One project whose releases come from CI."""

    project: Project
    github: FakeGitHub
    slack: Workspace
    commit: str = ""
    port: int = 0
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def worker(self) -> dict[str, str]:
        """What the process that acts is given; its folder is empty, so that only what CI sent can run."""
        empty = self.project.home / "worker"
        empty.mkdir(exist_ok=True)
        return {
            **self.at_github,
            "GATE_MIGRATIONS": str(empty),
            "GATE_GITHUB_WEBHOOK_SECRET": SECRET,
            "GATE_SERVE_LISTEN": f"127.0.0.1:{self.port}",
            "GATE_SLACK_CHANNEL": slack_server.CHANNEL,
            "GATE_SLACK_BOT_TOKEN": slack_server.TOKEN,
            "GATE_SLACK_SIGNING_SECRET": slack_server.SIGNING_SECRET,
            "GATE_SLACK_API_URL": self.slack.api_url,
        }

    @property
    def at_github(self) -> dict[str, str]:
        return {
            "GATE_GITHUB_TOKEN": TOKEN,
            "GATE_GITHUB_REPOSITORY": REPOSITORY,
            "GATE_GITHUB_API_URL": self.github.url,
        }

    @property
    def job(self) -> dict[str, str]:
        """What a job on GitHub is given: the checkout and the store, and no database."""
        return {
            **self.at_github,
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "release",
            "GITHUB_SHA": self.commit,
            "GITHUB_ACTOR": "ada",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "7",
            "GITHUB_STEP_SUMMARY": str(self.project.home / "summary.md"),
            "GITHUB_OUTPUT": str(self.project.home / "outputs"),
            "GITHUB_RUN_ATTEMPT": "1",
            "PATIENCE": "5",
            "WAIVE": "",
            "REASON": "",
            "GATE_PRODUCTION_URL": "-",
            "GATE_STAGING_URL": "-",
            "GATE_PG_BIN": "-",
        }

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def message(self) -> Message:
        """What Slack shows of the newest release."""
        return self.slack.top()[-1]

    def press(self, action: str) -> None:
        """Ann presses a button of the message, once it is there, bound in the record, and has its plan beside it."""
        until(lambda: bool(self.slack.top() and self.message().buttons), "a message with buttons is posted", 150)
        # One whose poster was killed in the middle is taken for lost after a minute and a half, and posted anew.
        until(self._filed, "the plan of the newest message is filed", 200)
        assert send(self.address, self.slack.payload(self.message(), ANN, action)).status_code == 200

    def reject(self, reason: str) -> None:
        """Ann rejects: the button opens a form, which wants a reason."""
        self.press("gate_reject")
        until(lambda: bool(self.slack.views), "the form is opened")
        view = self.slack.views[-1]["view"]
        form = self.slack.form_payload(view if isinstance(view, dict) else json.loads(view), ANN, reason)
        assert send(self.address, form).status_code == 200

    def merge(self) -> None:
        """Merge what the folder holds, reviewed by somebody who did not write it."""
        folder = self.project.folder
        files = (path for path in folder.rglob("*") if path.is_file())
        held = {f"drizzle/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}
        self.commit = self.github.merged(12, f"note for {self.project.mark}", held)
        self.github.review(12, "bob")

    def serve(self, **more: str) -> "subprocess.Popen[str]":
        """`gate serve`: the endpoint and the deployments, in one process."""
        process = self.project.start("serve", **self.worker, **more)
        self.running.append(process)
        until(lambda: deployment(self.project) is not None and self._answers(), "gate serve is up", 90)
        return process

    def trigger(self, **more: str) -> "subprocess.Popen[str]":
        """What the workflow runs on `release: published`: the script of the action, as GitHub runs it."""
        given = self.project.environment(**(self.job | more))
        environment = {k: v for k, v in given.items() if v != "-"}
        environment["PATH"] = f"{Path(GATE).parent}:{environment['PATH']}"
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPT],
            cwd=self.project.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def ended(self, process: "subprocess.Popen[str]", seconds: float = 240) -> Ended:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            killed(process)
            runs = [run["state"] for run in ask(self.project, "POST", "/flow_runs/filter", {"limit": 5})]
            raise AssertionError(f"not within {seconds} s; Slack said {self.slack.ephemeral}; runs {runs}") from None
        return Ended(process.returncode, out, err)

    def statuses(self) -> list[tuple[str, str]]:
        """State and sentence of each commit status, in order."""
        return [(s["state"], s["description"]) for s in self.github.statuses if s["sha"] == self.commit]

    def everything(self, ended: Ended) -> str:
        """All that anybody can read afterwards: the job, Prefect, Slack, GitHub, and the store but for the dumps."""
        runs = ask(self.project, "POST", "/flow_runs/filter", {"limit": 50})
        logs = [ask(self.project, "POST", "/logs/filter", {"offset": n}) for n in (0, 200, 400)]
        shown = ask(self.project, "POST", "/artifacts/filter", {"limit": 200})
        store = open_store(self.project.store)
        kept = [store.read(entry.key) for entry in store.keys("") if not entry.key.endswith((".zst", ".dump"))]
        told = [message.body for message in self.slack.messages]
        files = [(self.project.home / name).read_text() for name in ("summary.md", "outputs")]
        words = [ended.all, *files, repr([runs, logs, shown, told, self.github.statuses, self.github.answers])]
        return "".join(words) + "".join(blob.decode("utf-8", "replace") for blob in kept)

    def output(self, name: str) -> str:
        """An output of the job's step."""
        lines = (self.project.home / "outputs").read_text().splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{name}<<"))
        return lines[at + 1]

    def _filed(self) -> bool:
        return any(shared.get("thread_ts") == self.message().ts for shared in self.slack.shared)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        except OSError:
            return False
        return True


@contextmanager
def open_doors(project: Project, github: FakeGitHub, slack: Workspace) -> Iterator[Doors]:
    """A project with one reviewed migration to release; whatever was started is gone at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    project.policy += POLICY
    slack.member(ANN)
    project.ready()
    doors = Doors(project, github, slack, port=port)
    doors.merge()
    try:
        yield doors
    finally:
        for process in doors.running:
            print(end(process))  # pytest shows it beside a failure


def end(process: "subprocess.Popen[str]") -> str:
    """Told to stop twice, so that no run is waited for; then killed. Whatever it said."""
    for number in (signal.SIGINT, signal.SIGINT):
        if process.poll() is None:
            process.send_signal(number)
            time.sleep(0.3)
    try:
        return "".join(process.communicate(timeout=30))
    except subprocess.TimeoutExpired:
        return killed(process)


def killed(process: "subprocess.Popen[str]") -> str:
    """SIGKILL, also to what it started: nothing is said, nothing is tidied up. Whatever it said."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    return "".join(process.communicate())


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and what those have."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [*children, *(pid for child in children for pid in descendants(child))]
