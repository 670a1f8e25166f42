"""Asks squawk about the statements of a plan, as the policy wants it: a second opinion beside our own list."""

from config.policy import Policy
from tasks.clients.squawk import SquawkFailed, installed, remarks
from tasks.gate.plan import Problem
from tasks.gate.squawk import merged, refusals_of, text_of
from tasks.read_scripts import Reading


def linted(read: Reading, policy: Policy, major: int) -> Reading:
    """The reading with squawk's findings in it; unchanged where it is not installed, or not wanted.

    Only `squawk = "refuse"` lets it stand in the way, and then its absence does, too.

    Args:
        read: what the SQL says of itself.
        policy: `[checks] squawk`.
        major: production's major version.
    """
    wish = policy.checks.squawk
    if wish == "off" or not read.effects:
        return read
    program = installed()
    if program is None:
        return read if wish == "note" else _refused(read, "squawk is not installed, and the policy lets it refuse")
    text = text_of(read.texts)
    try:
        found = remarks(program, text.text, major)
    except SquawkFailed as failure:
        said = f"squawk could not be asked: {failure}"
        return read._replace(notes=(*read.notes, said)) if wish == "note" else _refused(read, said)
    effects = merged(read.effects, text, found)
    problems = refusals_of(effects, text, found) if wish == "refuse" else ()
    return read._replace(effects=effects, problems=(*read.problems, *problems))


def _refused(read: Reading, cause: str) -> Reading:
    remedy = 'pip install "gate[lint]", or set squawk = "note" in [checks] of gate.toml'
    return read._replace(problems=(*read.problems, Problem(kind="squawk", cause=cause, remedy=remedy)))
