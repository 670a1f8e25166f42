"""The domains of a database: a new column of such a type may rewrite its table, and its name alone does not tell."""

from tasks.clients.postgres import Connection

LIST = """
select distinct t.typname
  from pg_catalog.pg_type t
 where t.typtype = 'd'
   and t.typnamespace <> all (array['pg_catalog', 'information_schema']::pg_catalog.regnamespace[])
"""


def domains(connection: Connection) -> frozenset[str]:
    """Names of all domains, without their schemas."""
    return frozenset(str(name) for (name,) in connection.execute(LIST))
