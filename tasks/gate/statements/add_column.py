"""ADD COLUMN: instant, unless each row needs a value of its own, an index or a check."""

from collections.abc import Iterator
from typing import Any

from tasks.gate import sql
from tasks.gate.effect import SHARE_ROW_EXCLUSIVE, Effect, Hazard, Touched, Work
from tasks.gate.statements.built_in import STEADY
from tasks.gate.statements.commands import Command, CommandRule
from tasks.gate.statements.touching import dotted, table

SERIALS = ("serial", "bigserial", "smallserial", "serial4", "serial8", "serial2")
# Functions that defaults often call, which answer anew for each row; what is neither here nor steady may do so.
VOLATILE = ("gen_random_uuid", "random", "clock_timestamp", "timeofday", "nextval", "uuidv4", "uuidv7")
VOLATILE_MORE = ("uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "gen_random_bytes", "gen_salt")
TYPES = (
    "text bytea uuid json jsonb xml date time timetz timestamp timestamptz interval money inet cidr macaddr name oid "
    "int2 int4 int8 float4 float8 numeric bool bpchar varchar bit varbit point line lseg box path polygon circle "
    "tsvector tsquery int4range int8range numrange daterange tsrange tstzrange regclass"
)
BUILT_IN = frozenset(TYPES.split())
STORED = "s"  # a generated column that is kept on disk; a virtual one ("v") is computed when it is read


def _add_column(command: Command) -> Effect:
    column = command.definition
    constraints = {sql.enum(item.constraint, "contype"): item.constraint for item in column.constraints}
    work, because = _work(command, column, constraints)
    return Effect(
        kind="ADD COLUMN",
        touched=(command.on(), *_referenced(command, constraints)),
        work=work,
        because=because,
        hazards=tuple(_hazards(command, column, constraints, work)),
    )


def _work(command: Command, column: Any, constraints: dict[str, Any]) -> tuple[Work, str]:
    type_names = sql.parts(column.type_name.names)
    default = constraints.get("CONSTR_DEFAULT")
    generated = constraints.get("CONSTR_GENERATED")
    if type_names and type_names[-1] in SERIALS:
        return "rewrite", "a serial takes another value for each row"
    if "CONSTR_IDENTITY" in constraints:
        return "rewrite", "an identity takes another value for each row"
    if generated is not None and generated.generated_kind in (STORED, ""):
        return "rewrite", "a stored generated column is computed for each row"
    found = ("instant", "") if default is None else volatility(default.raw_expr)
    if found[0] == "instant" and default is None and "CONSTR_NOTNULL" in constraints:
        return "scan", "every row is checked for NOT NULL, and a single row fails it"
    if found[0] == "instant" and default is not None and "CONSTR_FOREIGN" in constraints:
        return "scan", "every row is checked against the other table"
    if found[0] == "instant" and constraints.keys() & {"CONSTR_UNIQUE", "CONSTR_PRIMARY"}:
        return "scan", "an index is built"
    if found[0] == "instant" and "CONSTR_CHECK" in constraints:
        return "scan", "every row is checked"
    if found[0] == "instant" and _may_be_domain(command, column.type_name):
        return "maybe", f"a rewrite if {'.'.join(type_names)} is a domain with a constraint"
    return found  # type: ignore[return-value]


def volatility(expression: Any) -> tuple[Work, str]:
    """Whether a default is one value for all rows; a function that is not known may be volatile."""
    names = [sql.parts(node.funcname)[-1] for node in sql.tree(expression) if type(node).DESCRIPTOR.name == "FuncCall"]
    for name in names:
        if name in VOLATILE or name in VOLATILE_MORE:
            return "rewrite", f"the default calls {name}, which is volatile: another value for each row"
    for name in names:
        if name not in STEADY:
            return "maybe", f"a rewrite if {name} is volatile"
    return "instant", ""


def _may_be_domain(command: Command, type_name: Any) -> bool:
    names = sql.parts(type_name.names)
    if not names or names[0] == "pg_catalog" or type_name.array_bounds:
        return False
    domains = command.situation.domains
    return names[-1] not in BUILT_IN if domains is None else names[-1] in domains


def _referenced(command: Command, constraints: dict[str, Any]) -> Iterator[Touched]:
    foreign = constraints.get("CONSTR_FOREIGN")
    if foreign is not None and dotted(foreign.pktable) != command.table:
        yield table(foreign.pktable, SHARE_ROW_EXCLUSIVE)


def _hazards(command: Command, column: Any, constraints: dict[str, Any], work: Work) -> Iterator[Hazard]:
    name = f"{command.table}.{column.colname}"
    if work == "rewrite":
        yield from command.hazard(
            "add-column-rewrite",
            f"adds column {name} with a value of its own per row; the table is rewritten while nobody can read it",
        )
    elif work == "maybe":
        yield from command.hazard(
            "add-column-rewrite", f"adds column {name}; the table may be rewritten while nobody can read it"
        )
    elif "CONSTR_NOTNULL" in constraints and "CONSTR_DEFAULT" not in constraints:
        yield from command.hazard(
            "required-column",
            f"adds column {name} as NOT NULL without a default; it fails when {command.table} has rows",
        )
    if constraints.keys() & {"CONSTR_UNIQUE", "CONSTR_PRIMARY"}:
        yield from command.hazard(
            "unique-index", f"builds an index on {command.table} while nobody can read or write it"
        )


COMMANDS: dict[str, CommandRule] = {"AT_AddColumn": _add_column}
