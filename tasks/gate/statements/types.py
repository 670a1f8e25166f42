"""Types and domains: made and changed, with the tables that use them."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import SHARE, SHARE_UPDATE_EXCLUSIVE, Effect, Hazard, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import dotted, unnamed

DOMAIN_WORDS = {
    "T": "SET/DROP DEFAULT",
    "N": "DROP NOT NULL",
    "O": "SET NOT NULL",
    "C": "ADD CONSTRAINT",
    "X": "DROP CONSTRAINT",
    "V": "VALIDATE CONSTRAINT",
}
LIGHT_VALIDATION_SINCE = 17  # ALTER DOMAIN ... VALIDATE CONSTRAINT locks the tables less from here on


def _made(words: str, field: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(statement: ParsedStatement, _situation: Situation) -> Effect:
        name = ".".join(sql.parts(getattr(statement.node, field)))
        return Effect(kind=words, touched=(Touched(name=name, kind="type"),))

    return rule


def _composite(statement: ParsedStatement, _situation: Situation) -> Effect:
    return Effect(kind="CREATE TYPE", touched=(Touched(name=dotted(statement.node.typevar), kind="type", new=True),))


def _domain(statement: ParsedStatement, situation: Situation) -> Effect:
    names = sql.parts(statement.node.domainname)
    if situation.domains is not None:
        situation.domains |= {names[-1]}
    return Effect(kind="CREATE DOMAIN", touched=(Touched(name=".".join(names), kind="domain"),))


def _alter_domain(statement: ParsedStatement, situation: Situation) -> Effect:
    node = statement.node
    name = ".".join(sql.parts(node.type_name))
    words = DOMAIN_WORDS.get(node.subtype, node.subtype)
    checks = node.subtype in ("O", "V") or (node.subtype == "C" and not sql.inner(getattr(node, "def")).skip_validation)
    domain = Touched(name=name, kind="domain")
    if not checks:
        return Effect(kind=f"ALTER DOMAIN ... {words}", touched=(domain,))
    light = node.subtype == "V" and situation.major >= LIGHT_VALIDATION_SINCE
    tables = unnamed(
        f"every table with a column of {name}, if any", "table", SHARE_UPDATE_EXCLUSIVE if light else SHARE
    )
    return Effect(
        kind=f"ALTER DOMAIN ... {words}",
        touched=(domain, tables),
        work="scan",
        because=f"every row of every table with a column of {name} is read",
        hazards=(
            Hazard(
                kind="domain-scan",
                sentence=f"reads every table with a column of {name}; nobody can write to them meanwhile",
            ),
        )
        if not light
        else (),
    )


def _enum(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    adds = bool(node.new_val) and not node.old_val
    return Effect(
        kind=f"ALTER TYPE ... {'ADD' if adds else 'RENAME'} VALUE",
        touched=(Touched(name=".".join(sql.parts(node.type_name)), kind="type"),),
        because="the new value can be used after the commit only" if adds else "",
    )


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_enum_stmt": _made("CREATE TYPE ... AS ENUM", "type_name"),
    "create_range_stmt": _made("CREATE TYPE ... AS RANGE", "type_name"),
    "alter_type_stmt": _made("ALTER TYPE", "type_name"),
    "composite_type_stmt": _composite,
    "create_domain_stmt": _domain,
    "alter_domain_stmt": _alter_domain,
    "alter_enum_stmt": _enum,
}
