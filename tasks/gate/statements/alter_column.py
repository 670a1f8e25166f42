"""Commands of ALTER TABLE on a column that is there: dropped, retyped, required, defaulted."""

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, SHARE_ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, Effect
from tasks.gate.statements.commands import CASCADES, Command, CommandRule, catalog, rewriting
from tasks.gate.statements.touching import unnamed


def _drop_column(command: Command) -> Effect:
    dependants = unnamed(f"what depends on {command.table}.{command.node.name}", "view", ACCESS_EXCLUSIVE)
    cascade = CASCADES if command.cascades else ""
    sentence = f"drops column {command.table}.{command.node.name}; its values are gone{cascade}"
    return Effect(
        kind="DROP COLUMN",
        touched=(command.on(), *([dependants] if command.cascades else [])),
        loses="yes",
        hazards=command.hazard("drop-column", sentence),
    )


def _column_type(command: Command) -> Effect:
    column = f"{command.table}.{command.node.name}"
    to = sql.parts(command.definition.type_name.names)[-1]
    using = command.definition.HasField("raw_default")
    return Effect(
        kind="ALTER COLUMN ... TYPE",
        touched=(
            command.on(),
            unnamed(f"tables tied to {column} by a foreign key, if any", "table", ACCESS_EXCLUSIVE),
        ),
        work="rewrite" if using else "maybe",
        because="USING computes each value anew"
        if using
        else f"a rewrite unless the old type is binary coercible to {to}",
        loses="maybe",
        hazards=command.hazard(
            "column-type",
            f"changes the type of {column}; the table may be rewritten while nobody can read it",
        ),
    )


def _not_null(command: Command) -> Effect:
    column = f"{command.table}.{command.node.name}"
    sentence = f"sets {column} to NOT NULL; every row is read while nobody can read or write"
    return Effect(
        kind="ALTER COLUMN ... SET NOT NULL",
        touched=(command.on(),),
        work="scan",
        because=f"every row is read, unless a valid CHECK ({command.node.name} IS NOT NULL) proves it",
        hazards=command.hazard("not-null-scan", sentence),
    )


def _with_sequence(words: str, lock: str, *, drops: bool = False) -> CommandRule:
    def rule(command: Command) -> Effect:
        sequence = unnamed(f"the sequence of {command.table}.{command.node.name}", "sequence", lock)
        return Effect(kind=words, touched=(command.on(), sequence), loses="maybe" if drops else "no")

    return rule


def _identity(command: Command) -> Effect:
    return Effect(kind="ALTER COLUMN ... ADD GENERATED AS IDENTITY", touched=(command.on(),))


COMMANDS: dict[str, CommandRule] = {
    "AT_DropColumn": _drop_column,
    "AT_AlterColumnType": _column_type,
    "AT_SetNotNull": _not_null,
    "AT_DropNotNull": catalog("ALTER COLUMN ... DROP NOT NULL"),
    "AT_ColumnDefault": catalog("ALTER COLUMN ... SET/DROP DEFAULT"),
    "AT_SetExpression": rewriting(
        "ALTER COLUMN ... SET EXPRESSION",
        "the column is computed anew for each row",
        "set-expression",
        "computes a column of {} anew; the table is rewritten while nobody can read it",
    ),
    "AT_DropExpression": catalog("ALTER COLUMN ... DROP EXPRESSION"),
    "AT_SetStatistics": catalog("ALTER COLUMN ... SET STATISTICS", SHARE_UPDATE_EXCLUSIVE),
    "AT_SetOptions": catalog("ALTER COLUMN ... SET (...)", SHARE_UPDATE_EXCLUSIVE),
    "AT_ResetOptions": catalog("ALTER COLUMN ... RESET (...)", SHARE_UPDATE_EXCLUSIVE),
    "AT_SetStorage": catalog("ALTER COLUMN ... SET STORAGE"),
    "AT_SetCompression": catalog("ALTER COLUMN ... SET COMPRESSION"),
    "AT_AddIdentity": _identity,
    "AT_SetIdentity": _with_sequence("ALTER COLUMN ... SET GENERATED", SHARE_ROW_EXCLUSIVE),
    "AT_DropIdentity": _with_sequence("ALTER COLUMN ... DROP IDENTITY", ACCESS_EXCLUSIVE, drops=True),
    "AT_AlterColumnGenericOptions": catalog("ALTER COLUMN ... OPTIONS"),
}
