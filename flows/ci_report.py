"""Shows a release where CI people look: a commit status, the job's summary, its outputs, an annotation of a failure."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import click

from config.settings import Settings
from flows.ci import ci_job
from flows.ci_forges import set_statuses
from tasks.gate.commit_status import state_of
from tasks.gate.errors import GateError
from tasks.gate.outcome import Outcome
from tasks.gate.plan import Plan
from tasks.gate.proposal import Mark, marks
from tasks.gate.story import Story
from tasks.gate.wording import moment

SUMMARY_BYTES = 1_000_000  # GitHub takes 1 MiB a step, and shows nothing of more


class CiReport:
    """One release as its CI job shows it; nothing here can fail the release."""

    def __init__(self, settings: Settings, commit: str) -> None:
        """Says nothing yet.

        Args:
            settings: target, and GitHub's or GitLab's where a commit status is wanted.
            commit: what is released; no status without it.
        """
        self._settings, self._commit = settings, commit

    def begun(self) -> None:
        """The release was started."""
        self._status("pending", f"release to {self._settings.target} is under way; the job's log follows it")

    def waits(self, story: Story) -> None:
        """The release waits for a decision; its id is what a decision names."""
        self._status("running", f"{story.id} waits for approval until {moment(story.expires_at)}")

    def left(self, release: str) -> None:
        """The job is told to stop, and the release is not: whoever looks at the commit reads where to look now."""
        follow = f"gate status {release}" if release else "gate status"
        self._status("running", f"the CI job stopped following; the release goes on: {follow}")

    def ended(self, outcome: Outcome, release: str, markdown: str, plan: Plan | None) -> None:
        """The release has ended.

        Args:
            outcome: how.
            release: its id; empty when none was opened, or none can be seen from here.
            markdown: its report; empty when the record is out of reach.
            plan: what it was to run, for marks at the lines of its migrations; None when that is not known here.
        """
        self._status(state_of(outcome.exit_code), f"{outcome.outcome}: {outcome.sentence}")
        title = f"## {self._settings.target}: {outcome.outcome}\n\n{outcome.sentence}\n\n"
        write_summary(markdown or title)
        _output("release", release)
        _output("outcome", outcome.outcome)
        _output("sentence", outcome.sentence)
        if outcome.exit_code and ci_job().name == "github":
            click.echo(f"::error title=gate {outcome.outcome}::{escaped(outcome.sentence)}", err=True)
            annotate(marks(plan) if plan else (), in_repository(self._settings.migrations))

    def _status(self, state: str, sentence: str) -> None:
        if not self._commit:
            return
        try:
            set_statuses(self._settings, self._commit, state, sentence)
        except GateError as error:
            click.echo(f"the commit status could not be set: {error.message}", err=True)


def annotate(found: Sequence[Mark], folder: str) -> None:
    """Put a mark beside each line, where a GitHub workflow shows it; nothing elsewhere."""
    if ci_job().name != "github":
        return
    for mark in found:
        place = f"file={escaped(f'{folder}/{mark.file}', in_property=True)},line={mark.line}," if mark.file else ""
        click.echo(f"::{mark.level} {place}title=gate::{escaped(mark.sentence)}", err=True)


def in_repository(folder: Path) -> str:
    """The folder as CI names it: from the top of the checkout."""
    top = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or "."
    return Path(os.path.relpath(folder.resolve(), Path(top).resolve())).as_posix()


def write_summary(markdown: str) -> None:
    """Append to the summary of this step on GitHub; nothing elsewhere."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    text = markdown.encode()
    if len(text) > SUMMARY_BYTES:
        text = text[:SUMMARY_BYTES].rpartition(b"\n")[0] + b"\n\nThe rest is too long for here: `gate report`.\n"
    with Path(file).open("ab") as summary:
        summary.write(text)


def escaped(text: str, *, in_property: bool = False) -> str:
    """Text as a workflow command may hold it."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text


def _output(name: str, value: str) -> None:
    """Set an output of this step; the random mark keeps a value from ending it early."""
    if file := os.environ.get("GITHUB_OUTPUT"):
        mark = secrets.token_hex(8)
        with Path(file).open("a", encoding="utf-8") as outputs:
            outputs.write(f"{name}<<{mark}\n{value}\n{mark}\n")
