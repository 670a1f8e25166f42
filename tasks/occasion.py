"""What every planner is given: where things are, what production says of itself, and what was asked for."""

from typing import Any, NamedTuple

import psycopg

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.gate.identity import Identity


class Occasion(NamedTuple):
    """What a plan is made from."""

    settings: Settings
    policy: Policy
    store: ObjectStore  # holds the records of earlier releases
    connection: psycopg.Connection[tuple[Any, ...]]  # to production, read-only
    identity: Identity  # what production says of itself
    tools: dict[str, str]  # versions of the programs that will act
    subject: str = ""  # what was asked for with another purpose, as it was typed
