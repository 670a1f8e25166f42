"""What a door asks for: which settings, who, and how far they already said yes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from config.policy import Policy
from config.settings import Settings
from tasks.gate.bundle import Bundle
from tasks.gate.evidence import Waiver
from tasks.gate.plan import Purpose


def _nobody_listens(_release_id: str) -> None:
    return None


@dataclass(frozen=True)
class Wish:
    """One request to carry a release, from whatever door."""

    settings: Settings
    policy: Policy
    by: str  # who asks: an operating-system user, or the name typed into a form
    door: str  # "command-line", "prefect-ui", "ci"
    waivers: Sequence[Waiver] = ()
    yes: bool = False  # the one who starts it also approves it, where policy allows that
    take_up: str = ""  # the id of an open release to take up; a new one when empty
    bundle: Bundle | None = None  # the files that must run; the folder of this machine when None
    purpose: Purpose = Purpose.RELEASE
    subject: str = ""  # what a rollback or a repair is of, as it was typed
    announce: Callable[[str], None] = _nobody_listens  # told the release's id as soon as there is one
