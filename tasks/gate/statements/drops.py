"""DROP of anything, and what goes with it."""

from collections.abc import Callable, Iterator
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import (
    ACCESS_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Effect,
    Hazard,
    Loss,
    Touched,
    together,
)
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.commands import CASCADES
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import unnamed

DROPS = {
    "OBJECT_TABLE": ("drop-table", "drops table {}; its rows are gone"),
    "OBJECT_SCHEMA": ("drop-schema", "drops schema {}"),
    "OBJECT_TYPE": ("drop-type", "drops type {}"),
    "OBJECT_VIEW": ("drop-view", "drops view {}; whatever still reads it fails"),
    "OBJECT_MATVIEW": ("drop-view", "drops materialised view {}; whatever still reads it fails"),
    "OBJECT_SEQUENCE": ("drop-sequence", "drops sequence {}"),
    "OBJECT_EXTENSION": ("drop-extension", "drops extension {}"),
    "OBJECT_FUNCTION": ("drop-function", "drops function {}; whatever still calls it fails"),
    "OBJECT_TRIGGER": ("drop-trigger", "drops trigger {}; what it kept up is no longer kept up"),
    "OBJECT_POLICY": ("drop-policy", "drops row security policy {}"),
    "OBJECT_FOREIGN_TABLE": ("drop-foreign-table", "drops foreign table {}"),
}
LOCKED = ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE", "OBJECT_INDEX")
ON_A_TABLE = ("OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY")
LOSES: dict[str, Loss] = {
    "OBJECT_TABLE": "yes",
    "OBJECT_SEQUENCE": "maybe",  # its position
    "OBJECT_SCHEMA": "maybe",
    "OBJECT_EXTENSION": "maybe",
    "OBJECT_TYPE": "maybe",
    "OBJECT_DOMAIN": "maybe",
}
NEEDS_CASCADE = ("OBJECT_SCHEMA", "OBJECT_EXTENSION", "OBJECT_TYPE", "OBJECT_DOMAIN")


def _drop(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    kind = sql.enum(node, "remove_type")
    cascades = sql.enum(node, "behavior") == "DROP_CASCADE"
    words = kind.removeprefix("OBJECT_").replace("MATVIEW", "MATERIALIZED_VIEW").replace("_", " ")
    effects = [_one(item, kind, words, cascades=cascades, concurrent=node.concurrent) for item in node.objects]
    return together(f"DROP {words}{' CONCURRENTLY' if node.concurrent else ''}", effects)


def _one(item: Any, kind: str, words: str, *, cascades: bool, concurrent: bool) -> Effect:
    name = sql.object_name(item)
    hazard, sentence = DROPS.get(kind, ("", ""))
    hazards: tuple[Hazard, ...] = ()
    if sentence:
        hazards = (Hazard(kind=hazard, sentence=sentence.format(name) + (CASCADES if cascades else "")),)
    elif cascades:
        hazards = (Hazard(kind="cascade", sentence=f"drops {name}{CASCADES}"),)
    loses = LOSES.get(kind, "no")
    if kind in NEEDS_CASCADE and not cascades:
        loses = "no"
    elif cascades and loses == "no":
        loses = "maybe"
    touched = tuple(_touched(name, kind, words, cascades=cascades, concurrent=concurrent))
    return Effect(kind="", touched=touched, loses=loses, hazards=hazards)


def _touched(name: str, kind: str, words: str, *, cascades: bool, concurrent: bool) -> Iterator[Touched]:
    lock = SHARE_UPDATE_EXCLUSIVE if concurrent else ACCESS_EXCLUSIVE
    if kind in ON_A_TABLE:
        yield Touched(name=name.rpartition(".")[0], kind="table", lock=ACCESS_EXCLUSIVE)
        return
    yield Touched(name=name, kind=words.lower(), lock=lock if kind in LOCKED else "")
    if kind == "OBJECT_INDEX":
        yield unnamed(f"the table of index {name}", "table", lock)
    elif kind == "OBJECT_TABLE":
        ties = f"what belongs to {name}, and tables tied to it by a foreign key or as a partition, if any"
        yield unnamed(ties, "table", ACCESS_EXCLUSIVE)
    elif kind == "OBJECT_STATISTIC_EXT":
        yield unnamed(f"the table of statistics {name}", "table", SHARE_UPDATE_EXCLUSIVE)
    if cascades:
        yield unnamed(f"what depends on {name}, if anything", "table", ACCESS_EXCLUSIVE)


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {"drop_stmt": _drop}
