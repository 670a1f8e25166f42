"""A drill from any door: one step that is shown, and an outcome with its exit code."""

from config.policy import Policy
from config.settings import Settings
from flows.checklist import Shown
from tasks.drill import Shown as Heard
from tasks.drill import drill
from tasks.gate.drill import Drill
from tasks.gate.outcome import Outcome
from tasks.steps.open import store_of


def hold(settings: Settings, policy: Policy, shown: Shown) -> tuple[Outcome, Drill]:
    """Hold a drill and say how it ended.

    Raises:
        ConfigurationError: it could not be held.
    """
    shown.start("Drill")
    found = drill(settings, policy, store_of(settings), Heard(shown.say, shown.progress))
    shown.done(found.sentence, mark="✓" if found.held else "✗")
    word, code = ("held", 0) if found.held else ("not-held", 3)
    return Outcome(outcome=word, sentence=found.sentence, exit_code=code), found
