"""What every route is handed: the settings and policy of the process, the store, its threads and its figures."""

from dataclasses import dataclass, field

from config.policy import Policy
from config.settings import Settings
from flows.web.measures import Measures
from flows.web.work import Work
from tasks.clients.object_store import ObjectStore


@dataclass(frozen=True)
class Serving:
    """One process of `gate serve`."""

    settings: Settings
    policy: Policy
    store: ObjectStore
    measures: Measures = field(default_factory=Measures)
    work: Work = field(default_factory=Work)
