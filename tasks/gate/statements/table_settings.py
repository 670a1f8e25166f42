"""Commands of ALTER TABLE on the relation as a whole: owner, storage, options, triggers, rules, row security."""

from tasks.gate.effect import (
    ACCESS_EXCLUSIVE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Effect,
    Touched,
)
from tasks.gate.statements.commands import Command, CommandRule, catalog, rewriting
from tasks.gate.statements.touching import unnamed

# Storage parameters that the server sets under SHARE UPDATE EXCLUSIVE; every other one takes ACCESS EXCLUSIVE.
LIGHT = (
    "fillfactor",
    "parallel_workers",
    "toast_tuple_target",
    "log_autovacuum_min_duration",
    "vacuum_index_cleanup",
    "vacuum_truncate",
    "vacuum_max_eager_freeze_failure_rate",
    "deduplicate_items",
)


def _options(words: str) -> CommandRule:
    def rule(command: Command) -> Effect:
        names = [item.def_elem.defname.lower() for item in command.definition.items]
        light = all(name in LIGHT or name.startswith("autovacuum_") for name in names)
        return Effect(kind=words, touched=(command.on(SHARE_UPDATE_EXCLUSIVE if light else ACCESS_EXCLUSIVE),))

    return rule


def _owner(command: Command) -> Effect:
    return Effect(
        kind="OWNER TO",
        touched=(command.on(), unnamed(f"sequences that {command.table} owns, if any", "sequence", ACCESS_EXCLUSIVE)),
    )


def _cluster_on(command: Command) -> Effect:
    index = Touched(name=command.node.name, kind="index", lock=SHARE_UPDATE_EXCLUSIVE)
    return Effect(kind="CLUSTER ON", touched=(command.on(SHARE_UPDATE_EXCLUSIVE), index))


def _logged(words: str, kind: str, sentence: str, *, loses: bool) -> CommandRule:
    def rule(command: Command) -> Effect:
        sequences = unnamed(f"sequences that {command.table} owns, if any", "sequence", ACCESS_EXCLUSIVE)
        return Effect(
            kind=words,
            touched=(command.on(), sequences),
            work="rewrite",
            because="it is written anew, with or without WAL",
            loses="maybe" if loses else "no",
            hazards=command.hazard(kind, sentence.format(command.table)),
        )

    return rule


def _trigger(words: str, hazard: tuple[str, str] | None = None) -> CommandRule:
    return catalog(words, SHARE_ROW_EXCLUSIVE, hazard)


def _moved(command: Command) -> Effect:
    return Effect(
        kind="SET TABLESPACE",
        touched=(command.on(),),
        work="rewrite",
        because="it is copied to the other tablespace",
        hazards=command.hazard(
            "set-tablespace", f"moves {command.table} to another tablespace while nobody can read it"
        ),
    )


COMMANDS: dict[str, CommandRule] = {
    "AT_ChangeOwner": _owner,
    "AT_SetRelOptions": _options("SET (...)"),
    "AT_ResetRelOptions": _options("RESET (...)"),
    "AT_ReplaceRelOptions": _options("SET (...)"),
    "AT_ClusterOn": _cluster_on,
    "AT_DropCluster": catalog("SET WITHOUT CLUSTER", SHARE_UPDATE_EXCLUSIVE),
    "AT_SetLogged": _logged(
        "SET LOGGED", "set-logged", "rewrites {} while nobody can read it (SET LOGGED)", loses=False
    ),
    "AT_SetUnLogged": _logged(
        "SET UNLOGGED",
        "set-unlogged",
        "makes {} unlogged: a crash empties it, and no standby has its rows",
        loses=True,
    ),
    "AT_DropOids": catalog("SET WITHOUT OIDS"),
    "AT_SetTableSpace": _moved,
    "AT_SetAccessMethod": rewriting(
        "SET ACCESS METHOD",
        "it is written anew by the other method",
        "set-access-method",
        "rewrites {} while nobody can read it (SET ACCESS METHOD)",
    ),
    "AT_EnableTrig": _trigger("ENABLE TRIGGER"),
    "AT_EnableAlwaysTrig": _trigger("ENABLE ALWAYS TRIGGER"),
    "AT_EnableReplicaTrig": _trigger("ENABLE REPLICA TRIGGER"),
    "AT_EnableTrigAll": _trigger("ENABLE TRIGGER ALL"),
    "AT_EnableTrigUser": _trigger("ENABLE TRIGGER USER"),
    "AT_DisableTrig": _trigger("DISABLE TRIGGER", ("disable-trigger", "switches a trigger of {} off")),
    "AT_DisableTrigAll": _trigger(
        "DISABLE TRIGGER ALL", ("disable-trigger", "switches all triggers of {} off, foreign keys included")
    ),
    "AT_DisableTrigUser": _trigger("DISABLE TRIGGER USER", ("disable-trigger", "switches the triggers of {} off")),
    "AT_EnableRule": catalog("ENABLE RULE"),
    "AT_EnableAlwaysRule": catalog("ENABLE ALWAYS RULE"),
    "AT_EnableReplicaRule": catalog("ENABLE REPLICA RULE"),
    "AT_DisableRule": catalog("DISABLE RULE"),
    "AT_EnableRowSecurity": catalog("ENABLE ROW LEVEL SECURITY"),
    "AT_DisableRowSecurity": catalog(
        "DISABLE ROW LEVEL SECURITY",
        hazard=("disable-row-security", "switches row security of {} off"),
    ),
    "AT_ForceRowSecurity": catalog("FORCE ROW LEVEL SECURITY"),
    "AT_NoForceRowSecurity": catalog("NO FORCE ROW LEVEL SECURITY"),
    "AT_ReplicaIdentity": catalog("REPLICA IDENTITY"),
    "AT_GenericOptions": catalog("OPTIONS"),
}
