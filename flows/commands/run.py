"""`gate run`: the whole checklist here and now, followed in the terminal."""

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

from flows.options import as_json, print_json, settings_and_policy, waivers, with_waivers
from flows.terminal import Terminal
from flows.wish import Wish
from tasks.gate.errors import GateError
from tasks.gate.outcome import Outcome, from_error, interrupted


@click.command("run", epilog='Example: gate run --waive staging-ledger --reason "no staging for this hotfix"')
@click.option("--yes", is_flag=True, help="Approve as the one who starts it, where policy allows that.")
@with_waivers
@as_json
def command(*, yes: bool, waive: tuple[str, ...], reason: str, as_json: bool) -> int:
    """Take the pending migrations to production: check, back up, rehearse, ask, apply, verify; recover on failure."""
    from tasks.steps.open import operator

    settings, policy = settings_and_policy()
    by = operator()
    wish = Wish(settings, policy, by=by, door="command-line", waivers=waivers(waive, reason, by), yes=yes)
    return follow(wish, as_json=as_json)


def follow(wish: Wish, *, as_json: bool) -> int:
    """Carry a wish to its end in this terminal; the exit code is the outcome."""
    from flows.engine import carry_here

    signal.signal(signal.SIGTERM, stop_here)
    signal.signal(signal.SIGHUP, stop_here)
    shown = Terminal(sys.stderr if as_json else sys.stdout)
    known: list[str] = []
    wish = Wish(**{**vars(wish), "announce": known.append})
    try:
        outcome = carry_here(shown, wish)
    except GateError as error:
        if not known:
            raise  # nothing was opened: a sentence on standard error is all there is
        outcome = from_error(error)
        if error.hint:
            shown.plain(f"HINT: {error.hint}")
    except KeyboardInterrupt as stop:
        outcome = interrupted(_interruption(known, getattr(stop, "__notes__", [])))
    _end(shown, outcome, known[-1] if known else "", as_json=as_json)
    return outcome.exit_code


def _end(shown: Terminal, outcome: Outcome, release_id: str, *, as_json: bool) -> None:
    shown.plain(f"\n{outcome.outcome.upper()}: {outcome.sentence}")
    if release_id:
        shown.plain(f"evidence: gate report {release_id}")
    if as_json:
        print_json({"id": release_id, **_ordered(outcome)})


def _ordered(outcome: Outcome) -> dict[str, Any]:
    return {"outcome": outcome.outcome, "sentence": outcome.sentence, "exit_code": outcome.exit_code}


def _interruption(known: list[str], notes: Sequence[str]) -> str:
    if not known:
        return "interrupted before a release was opened; nothing changed"
    if notes:
        return f"{'; '.join(notes)}; `gate resume {known[-1]}` goes on"
    return f"interrupted; `gate resume {known[-1]}` finds out what was done and goes on"


def stop_here(number: int, _frame: FrameType | None) -> None:
    """A signal to stop is an interruption like Ctrl-C: steps undo what they hold, then the process ends with 130."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
