"""`gate demo`: three releases of a sample shop on embedded servers, with nothing to configure."""

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import click
import platformdirs
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from flows.demo.acts import ACTS, play
from flows.demo.servers import Servers
from flows.demo.stage import Stage, stage
from tasks.gate.errors import GateError

WIDTH = 100


class Narrator:
    """Tells the story, calmly; waits for Enter between the acts unless told not to."""

    def __init__(self, *, hands_free: bool) -> None:
        terminal = Console(highlight=False)
        width = min(WIDTH, terminal.width) if terminal.is_terminal else WIDTH
        self._console = Console(highlight=False, width=width)
        self._hands_free = hands_free

    def act(self, number: int, title: str) -> None:
        """A new act begins."""
        if not self._hands_free and number > 1:
            click.echo("\n  Enter for the next act ...", nl=False)
            sys.stdin.readline()
        self._console.print()
        self._console.print(Rule(Text(f"Act {number}: {title}", style="bold"), align="left", style="dim"))

    def tell(self, sentence: str) -> None:
        """A sentence of the story."""
        self._console.print(Padding(Text(sentence), (0, 0, 0, 2), expand=False))

    def line(self, text: str) -> None:
        """A line to be copied: never broken."""
        self._console.print(Text(f"  {text}"), soft_wrap=True)

    def command(self, line: str) -> None:
        """A command that is typed now."""
        self._console.print()
        self._console.print(Padding(Text(f"$ {line}", style="bold"), (0, 0, 0, 2), expand=False))


@click.command("demo", epilog="Example: gate demo --yes --output ./demo-reports")
@click.option("--yes", is_flag=True, help="Ask nothing; every release is approved by the one who started it.")
@click.option("--keep", is_flag=True, help="Leave the servers up until Ctrl-C, to look around.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=None, help="Folder for the reports; they outlive the demo."
)
def command(*, yes: bool, keep: bool, output: Path | None) -> int:
    """Watch a release ship, one that is refused, and one that is brought back; real servers, gone at the end."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    began = time.monotonic()
    told = Narrator(hands_free=yes)
    pages = output or Path(platformdirs.user_state_dir("gate")) / "demo"
    told.tell(
        "Starting production and staging (PostgreSQL), an object store (S3) and a Prefect server, all on loopback."
    )
    with Servers() as servers, stage(servers, hands_free=yes) as (scene, stands):
        servers.wait_for_prefect()
        told.tell(f"A web shop: {stands}. Its application reads and writes from here on.")
        told.tell(f"Every release shows up in the Prefect UI while this runs: {servers.prefect.ui}")
        _look(told, _play_all(scene, told, pages), time.monotonic() - began)
        if keep:
            _keep(told, servers, scene)
    told.tell("Everything is stopped, and nothing is left but the reports.")
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    """Being told to stop is Ctrl-C: everything is ended on the way out."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _play_all(scene: Stage, told: Narrator, folder: Path) -> list[Path]:
    """The three acts, and a page of evidence for each, written while the next one plays.

    Raises:
        GateError: an act did not end as it must: then the demo, or Gate, has a defect.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pages") as pool:
        for number, act in enumerate(ACTS, start=1):
            release, code = play(number, act, scene, told)
            files.append(folder / f"{number}-{act.name}.html")
            written = pool.submit(_write_page, scene, release, files[-1])
            if code != act.exit_code:
                written.result()
                raise GateError(
                    f"act {number} was expected to end with exit code {act.exit_code} and ended with {code}",
                    hint=f"its report says why: {files[-1]}",
                )
        written.result()
    return files


def _write_page(scene: Stage, release: str, file: Path) -> None:
    """The release's page, its record's chain checked."""
    file.write_text(scene.answer("report", release, "--verify", "--html"), encoding="utf-8")


def _look(told: Narrator, files: list[Path], seconds: float) -> None:
    told.line("")
    told.tell(f"Three releases in {seconds:.0f} s. The evidence of each is one page, with every step and figure:")
    for file in files:
        told.line(f"  {file}")


def _keep(told: Narrator, servers: Servers, scene: Stage) -> None:
    told.line("")
    told.line(f"The servers stay up until Ctrl-C. Prefect: {servers.prefect.ui}")
    told.line("To use the gate on them, in another shell:")
    file = servers.folder / "environment"
    file.touch(0o600)
    names = sorted(name for name in scene.environment if name.startswith(("GATE_", "AWS_", "PREFECT_", "DO_NOT")))
    lines = [f"export {name}='{scene.environment[name]}'" for name in names]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    told.line(f"  cd {scene.project} && . {file} && gate status")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        told.tell("")
