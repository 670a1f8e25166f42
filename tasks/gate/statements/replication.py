"""Publications and subscriptions."""

from collections.abc import Callable

from tasks.gate import sql
from tasks.gate.effect import SHARE_UPDATE_EXCLUSIVE, Effect, Hazard, Touched
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation
from tasks.gate.statements.touching import table, unnamed

FETCHES = "creates a subscription, which fetches from another server"


def _publication(statement: ParsedStatement, _situation: Situation) -> Effect:
    node = statement.node
    creates = statement.kind == "create_publication_stmt"
    touched = [Touched(name=node.pubname, kind="publication")]
    for item in node.pubobjects:
        member = item.publication_obj_spec
        if member.HasField("pubtable"):
            touched.append(table(member.pubtable.relation, SHARE_UPDATE_EXCLUSIVE))
    if not creates and sql.enum(node, "action") == "AP_SetObjects":
        gone = f"tables that publication {node.pubname} has now, if any"
        touched.append(unnamed(gone, "table", SHARE_UPDATE_EXCLUSIVE))
    sentence = "changes what subscribers receive from here on"
    return Effect(
        kind=f"{'CREATE' if creates else 'ALTER'} PUBLICATION",
        touched=tuple(touched),
        hazards=() if creates else (Hazard(kind="publication", sentence=sentence),),
    )


def _subscription(words: str, outside: str) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(statement: ParsedStatement, _situation: Situation) -> Effect:
        return Effect(
            kind=words,
            touched=(Touched(name=statement.node.subname, kind="subscription"),),
            outside=(outside,),
            hazards=(Hazard(kind="outside", sentence=outside),),
        )

    return rule


RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_publication_stmt": _publication,
    "alter_publication_stmt": _publication,
    "create_subscription_stmt": _subscription("CREATE SUBSCRIPTION", FETCHES),
    "alter_subscription_stmt": _subscription("ALTER SUBSCRIPTION", "changes what is fetched from another server"),
    "drop_subscription_stmt": _subscription(
        "DROP SUBSCRIPTION", "drops a subscription, and its slot on another server"
    ),
}
