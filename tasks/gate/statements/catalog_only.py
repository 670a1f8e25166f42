"""Statements that change the catalog alone and keep nobody from a table: schemas, operators, casts, text search."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import ACCESS_EXCLUSIVE, ACCESS_SHARE, Effect, Touched, together
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import table

WORDS = {
    "alter_extension_stmt": "ALTER EXTENSION ... UPDATE",
    "alter_extension_contents_stmt": "ALTER EXTENSION ... ADD/DROP",
    "alter_collation_stmt": "ALTER COLLATION ... REFRESH VERSION",
    "alter_op_family_stmt": "ALTER OPERATOR FAMILY",
    "alter_operator_stmt": "ALTER OPERATOR",
    "alter_tsconfiguration_stmt": "ALTER TEXT SEARCH CONFIGURATION",
    "alter_tsdictionary_stmt": "ALTER TEXT SEARCH DICTIONARY",
    "create_am_stmt": "CREATE ACCESS METHOD",
    "create_cast_stmt": "CREATE CAST",
    "create_conversion_stmt": "CREATE CONVERSION",
    "create_op_class_stmt": "CREATE OPERATOR CLASS",
    "create_op_family_stmt": "CREATE OPERATOR FAMILY",
    "create_plang_stmt": "CREATE LANGUAGE",
    "create_transform_stmt": "CREATE TRANSFORM",
}
SCRIPTS = ("alter_extension_stmt",)  # they run a script of the extension, which is not read


def _rule(statement: ParsedStatement, _situation: Situation) -> Effect:
    unknown = ("it runs a script of the extension, which is not read",) if statement.kind in SCRIPTS else ()
    return Effect(kind=WORDS[statement.kind], work="unknown" if unknown else "instant", unknown=unknown)


def _depends(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    what = sql.enum(node, "object_type").removeprefix("OBJECT_").replace("MATVIEW", "MATERIALIZED_VIEW")
    words = what.replace("_", " ")
    touched: tuple[Touched, ...] = ()
    if node.HasField("relation"):
        on_a_table = words == "TRIGGER"
        lock, kind = (ACCESS_SHARE, "table") if on_a_table else (ACCESS_EXCLUSIVE, words.lower())
        touched = (table(node.relation, lock, kind),)
    return Effect(kind=f"ALTER {words} ... DEPENDS ON EXTENSION", touched=touched)


def _define(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    what = sql.enum(node, "kind").removeprefix("OBJECT_").replace("_", " ").replace("TS", "TEXT SEARCH ")
    return Effect(kind=f"CREATE {what}", touched=(Touched(name=".".join(sql.parts(node.defnames)), kind=what.lower()),))


def _schema(statement: ParsedStatement, situation: Situation) -> Effect:
    from tasks.gate.statements import effect_of  # the registry imports this file

    node = statement.node
    inside = [
        effect_of(inner, situation)
        for inner in (sql.inner_statement(item, statement) for item in node.schema_elts)
        if inner is not None
    ]
    own = Effect(kind="", touched=(Touched(name=node.schemaname, kind="schema"),))
    return together("CREATE SCHEMA", [own, *inside])


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "alter_object_depends_stmt": _depends,
    "define_stmt": _define,
    "create_schema_stmt": _schema,
    **dict.fromkeys(WORDS, _rule),
}
