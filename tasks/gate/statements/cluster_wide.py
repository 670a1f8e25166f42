"""What belongs to the whole cluster, where no backup of one database reaches: roles, databases, tablespaces."""

from collections.abc import Callable

from tasks.gate.effect import Effect, Hazard, Touched, Work
from tasks.gate.sql import ParsedStatement
from tasks.gate.statements.situation import Situation

ROLES = "changes roles, which belong to the whole cluster and not to this database's backup"
SETTINGS = "changes settings of the database, for every new session"


def _rule(
    words: str,
    outside: str,
    hazard: tuple[str, str],
    *,
    name: str = "",
    kind: str = "role",
    work: Work = "instant",
    drops: bool = False,
) -> Callable[[ParsedStatement, Situation], Effect]:
    def rule(statement: ParsedStatement, _situation: Situation) -> Effect:
        named = getattr(statement.node, name) if name else ""
        return Effect(
            kind=words,
            touched=(Touched(name=named, kind=kind),) if named else (),
            work=work,
            loses="yes" if drops else "no",
            outside=(outside,),
            hazards=(Hazard(kind=hazard[0], sentence=hazard[1]),),
        )

    return rule


CLUSTER = "changes the whole cluster, not only this database"
RULES: dict[str, Callable[[ParsedStatement, Situation], Effect]] = {
    "create_role_stmt": _rule("CREATE ROLE", ROLES, ("roles", ROLES), name="role"),
    "alter_role_stmt": _rule("ALTER ROLE", ROLES, ("roles", ROLES)),
    "alter_role_set_stmt": _rule("ALTER ROLE ... SET", ROLES, ("roles", ROLES)),
    "drop_role_stmt": _rule("DROP ROLE", ROLES, ("roles", ROLES)),
    "grant_role_stmt": _rule("GRANT/REVOKE role", ROLES, ("roles", ROLES)),
    "alter_database_set_stmt": _rule(
        "ALTER DATABASE ... SET", SETTINGS, ("database-settings", SETTINGS), name="dbname", kind="database"
    ),
    "createdb_stmt": _rule(
        "CREATE DATABASE", CLUSTER, ("cluster", "creates a database"), name="dbname", kind="database", work="rows"
    ),
    "dropdb_stmt": _rule(
        "DROP DATABASE", CLUSTER, ("cluster", "drops a database"), name="dbname", kind="database", drops=True
    ),
    "alter_database_stmt": _rule(
        "ALTER DATABASE", CLUSTER, ("cluster", "changes a database as a whole"), name="dbname", kind="database"
    ),
    "alter_database_refresh_coll_stmt": _rule(
        "ALTER DATABASE ... REFRESH COLLATION VERSION",
        CLUSTER,
        ("cluster", "says that every index of the database fits its collation, without looking"),
        name="dbname",
        kind="database",
    ),
    "create_table_space_stmt": _rule(
        "CREATE TABLESPACE", CLUSTER, ("cluster", "creates a tablespace"), name="tablespacename", kind="tablespace"
    ),
    "drop_table_space_stmt": _rule(
        "DROP TABLESPACE", CLUSTER, ("cluster", "drops a tablespace"), name="tablespacename", kind="tablespace"
    ),
    "alter_table_space_options_stmt": _rule(
        "ALTER TABLESPACE", CLUSTER, ("cluster", "changes a tablespace"), name="tablespacename", kind="tablespace"
    ),
    "alter_system_stmt": _rule(
        "ALTER SYSTEM", CLUSTER, ("cluster", "changes the settings of the whole server (ALTER SYSTEM)")
    ),
    "check_point_stmt": _rule("CHECKPOINT", CLUSTER, ("cluster", "makes the whole server write a checkpoint")),
}
