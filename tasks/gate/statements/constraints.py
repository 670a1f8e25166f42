"""Constraints of a table that is there: added, validated, dropped."""

from tasks.gate import sql
from tasks.gate.effect import (
    ACCESS_EXCLUSIVE,
    ROW_SHARE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Effect,
    Touched,
)
from tasks.gate.statements.commands import CASCADES, Command, CommandRule
from tasks.gate.statements.touching import dotted, table, unnamed

INDEXED = ("CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_EXCLUSION")


def _add_constraint(command: Command) -> Effect:
    constraint = command.definition
    kind = sql.enum(constraint, "contype")
    if kind in INDEXED:
        return _index(command)
    if kind == "CONSTR_FOREIGN":
        return _foreign_key(command)
    if constraint.skip_validation:
        return Effect(kind="ADD CONSTRAINT ... NOT VALID", touched=(command.on(),))
    name = constraint.conname or "a constraint"
    return Effect(
        kind="ADD CONSTRAINT ... NOT NULL" if kind == "CONSTR_NOTNULL" else "ADD CONSTRAINT ... CHECK",
        touched=(command.on(),),
        work="scan",
        because="every row is checked",
        hazards=command.hazard(
            "check-scan",
            f"adds {name} to {command.table}: every row is checked while nobody can read or write",
        ),
    )


def _index(command: Command) -> Effect:
    constraint = command.definition
    words = sql.enum(constraint, "contype").removeprefix("CONSTR_").replace("PRIMARY", "PRIMARY KEY")
    if constraint.indexname:
        index = Touched(name=constraint.indexname, kind="index", lock=SHARE_UPDATE_EXCLUSIVE)
        primary = words == "PRIMARY KEY"
        return Effect(
            kind=f"ADD CONSTRAINT ... {words} USING INDEX",
            touched=(command.on(), index),
            work="scan" if primary else "instant",
            because="every row is read for NOT NULL, unless the columns are NOT NULL already" if primary else "",
        )
    name = constraint.conname or "a constraint"
    return Effect(
        kind=f"ADD CONSTRAINT ... {words.replace('EXCLUSION', 'EXCLUDE')}",
        touched=(command.on(),),
        work="scan",
        because="an index is built",
        hazards=command.hazard(
            "unique-index",
            f"adds {name} to {command.table}: an index is built while nobody can read or write it",
        ),
    )


def _foreign_key(command: Command) -> Effect:
    constraint = command.definition
    other = dotted(constraint.pktable)
    tables = [command.on(SHARE_ROW_EXCLUSIVE)]
    if other != command.table:
        tables.append(table(constraint.pktable, SHARE_ROW_EXCLUSIVE))
    if constraint.skip_validation or not constraint.is_enforced:
        return Effect(kind="ADD CONSTRAINT ... FOREIGN KEY NOT VALID", touched=tuple(tables))
    name = constraint.conname or "a constraint"
    return Effect(
        kind="ADD CONSTRAINT ... FOREIGN KEY",
        touched=tuple(tables),
        work="scan",
        because=f"every row is checked against {other}",
        hazards=command.hazard(
            "foreign-key-scan",
            f"adds {name} to {command.table}: every row is checked against {other} while nobody can write to either",
        ),
    )


def _validate(command: Command) -> Effect:
    return Effect(
        kind="VALIDATE CONSTRAINT",
        touched=(
            command.on(SHARE_UPDATE_EXCLUSIVE),
            unnamed("the table that a foreign key refers to, if it is one", "table", ROW_SHARE),
        ),
        work="scan",
        because="every row is checked; reads and writes go on",
        hazards=command.hazard("validate-scan", f"checks every row of {command.table} against a constraint"),
    )


def _drop(command: Command) -> Effect:
    cascade = CASCADES if command.cascades else ""
    return Effect(
        kind="DROP CONSTRAINT",
        touched=(
            command.on(),
            unnamed("the constraint's index, or the table that it refers to, if any", "table", ACCESS_EXCLUSIVE),
        ),
        hazards=command.hazard(
            "drop-constraint", f"drops a constraint of {command.table}; what it kept out can come in{cascade}"
        ),
    )


def _alter(command: Command) -> Effect:
    other = unnamed("the table that a foreign key refers to, if it is one", "table", SHARE_ROW_EXCLUSIVE)
    return Effect(kind="ALTER CONSTRAINT", touched=(command.on(), other))


COMMANDS: dict[str, CommandRule] = {
    "AT_AddConstraint": _add_constraint,
    "AT_ValidateConstraint": _validate,
    "AT_DropConstraint": _drop,
    "AT_AlterConstraint": _alter,
}
