"""Where the outcomes of drills lie: one object each, never changed, the newest one is what is asked for."""

from datetime import datetime

from pydantic import ValidationError

from tasks.clients.object_store import NotThere, ObjectStore
from tasks.gate.drill import Drill
from tasks.gate.model import canonical


def keep(store: ObjectStore, drill: Drill) -> None:
    """Write the outcome of a drill.

    Raises:
        AlreadyThere: another drill of the same target ended in the same microsecond.
    """
    moment = datetime.fromisoformat(drill.at)
    key = f"{_folder(drill.target)}{moment:%Y%m%d-%H%M%S-%f}.json"
    store.create(key, canonical(drill.model_dump(mode="json")))


def last_drill(store: ObjectStore, target: str) -> Drill | None:
    """The newest drill of a target; None when there was none that can be read."""
    for key in sorted((entry.key for entry in store.keys(_folder(target))), reverse=True):
        try:
            return Drill.model_validate_json(store.read(key))
        except (ValidationError, NotThere):
            continue
    return None


def _folder(target: str) -> str:
    return f"{target}/drills/"
