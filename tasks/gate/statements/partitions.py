"""Partitions and children: attached, detached, inherited."""

from tasks.gate import sql
from tasks.gate.effect import (
    ACCESS_EXCLUSIVE,
    ACCESS_SHARE,
    SHARE_UPDATE_EXCLUSIVE,
    Effect,
    Touched,
)
from tasks.gate.statements.commands import Command, CommandRule, catalog
from tasks.gate.statements.touching import table, unnamed


def _attach(command: Command) -> Effect:
    part = command.definition.name
    if command.kind == "index":
        return Effect(
            kind="ATTACH PARTITION",
            touched=(
                command.on(SHARE_UPDATE_EXCLUSIVE),
                table(part, ACCESS_EXCLUSIVE, "index"),
                unnamed("the tables of both indexes", "table", ACCESS_SHARE),
            ),
        )
    return Effect(
        kind="ATTACH PARTITION",
        touched=(
            command.on(SHARE_UPDATE_EXCLUSIVE),
            table(part, ACCESS_EXCLUSIVE),
            unnamed("the default partition, and the table's indexes, if any", "table", ACCESS_EXCLUSIVE),
        ),
        work="scan",
        because="every row of the partition is checked, unless a valid CHECK proves its bounds",
        hazards=command.hazard(
            "attach-partition",
            f"attaches a partition to {command.table}: its rows are read while nobody can write to it",
        ),
    )


def _detach(command: Command) -> Effect:
    part = command.definition
    concurrent = part.concurrent
    return Effect(
        kind="DETACH PARTITION CONCURRENTLY" if concurrent else "DETACH PARTITION",
        touched=(
            command.on(SHARE_UPDATE_EXCLUSIVE if concurrent else ACCESS_EXCLUSIVE),
            table(part.name, ACCESS_EXCLUSIVE),
            unnamed(f"tables tied to {command.table} by a foreign key, if any", "table", ACCESS_EXCLUSIVE),
        ),
        hazards=command.hazard(
            "detach-partition",
            f"takes a partition out of {command.table}: its rows are no longer found there",
        ),
    )


def _finalize(command: Command) -> Effect:
    return Effect(
        kind="DETACH PARTITION FINALIZE",
        touched=(command.on(SHARE_UPDATE_EXCLUSIVE), table(command.definition.name, ACCESS_EXCLUSIVE)),
    )


def _with_parent(words: str, lock: str) -> CommandRule:
    def rule(command: Command) -> Effect:
        return Effect(kind=words, touched=(command.on(), table(command.definition, lock)))

    return rule


def _of_type(command: Command) -> Effect:
    name = ".".join(sql.parts(command.definition.names))
    return Effect(kind="OF", touched=(command.on(), Touched(name=name, kind="type", lock=ACCESS_SHARE)))


COMMANDS: dict[str, CommandRule] = {
    "AT_AttachPartition": _attach,
    "AT_DetachPartition": _detach,
    "AT_DetachPartitionFinalize": _finalize,
    "AT_AddInherit": _with_parent("INHERIT", SHARE_UPDATE_EXCLUSIVE),
    "AT_DropInherit": _with_parent("NO INHERIT", ACCESS_SHARE),
    "AT_AddOf": _of_type,
    "AT_DropOf": catalog("NOT OF"),
}
