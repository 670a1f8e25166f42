"""What every route is handed: the settings and policy of the process, the store, its threads and its figures."""

from collections.abc import Callable
from dataclasses import dataclass, field

from config.policy import Policy
from config.settings import Settings
from flows.web.measures import Measures
from flows.web.slack_place import SlackPlace
from flows.web.work import Work
from tasks.clients.object_store import ObjectStore


@dataclass(frozen=True)
class Serving:
    """One process of `gate serve`."""

    settings: Settings
    policy_now: Callable[[], Policy]  # read anew for every decision: a review may have changed it meanwhile
    store: ObjectStore
    slack: SlackPlace | None = None
    measures: Measures = field(default_factory=Measures)
    work: Work = field(default_factory=Work)
    words: Work = field(default_factory=lambda: Work(threads=8))  # to people and Prefect, whatever the store does
