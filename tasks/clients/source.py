"""What a backup has to know of its source beside the rows: shape of the database, and what no dump holds."""

from dataclasses import dataclass
from typing import Any

from tasks.clients.canonical import canonical
from tasks.clients.postgres import Connection

# As JSON, because the columns on locales change with every other major version.
DATABASE = """
select to_jsonb(d) || jsonb_build_object('encoding_name', pg_encoding_to_char(d.encoding),
                                         'owner', pg_get_userbyid(d.datdba))
  from pg_database d where d.datname = current_database()
"""
EXTENSIONS = """
select e.extname::text, n.nspname::text from pg_extension e join pg_namespace n on n.oid = e.extnamespace order by 1
"""
FOREIGN_SERVERS = "select srvname::text from pg_foreign_server order by 1"
WARNINGS = """
select format('table %I.%I is unlogged: it is empty after a crash or a failover', n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relpersistence = 'u' and c.relkind = 'r'
union all
select format('index %I.%I is invalid and is not in the dump', n.nspname, c.relname)
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and c.relkind = 'i' and n.nspname !~ '^pg_'
union all
select format('subscription %I is not in the dump: it holds a password, and a copy must never subscribe', s.subname)
  from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = current_database()
union all
select format('logical replication slot %I is in no backup', slot_name)
  from pg_replication_slots where database = current_database()
union all
select format('publication %I: subscribers stay with the old database after a restore', pubname) from pg_publication
union all
select format('foreign server %I: rows of its tables are elsewhere and are not backed up', srvname)
  from pg_foreign_server
union all
select format('extension %I keeps rows in tables of its own, which are restored but not compared', extname)
  from pg_extension where extconfig is not null
 order by 1
"""


@dataclass(frozen=True)
class Shape:
    """How the database was created."""

    encoding: str
    collate: str
    ctype: str
    locale_provider: str
    icu_locale: str | None
    owner: str


def shape_of(connection: Connection) -> Shape:
    """How this session's database was created, for a copy that is to sort and compare alike."""
    row = connection.execute(DATABASE).fetchone()
    assert row is not None, "a session is always in a database"
    found: dict[str, Any] = row[0]
    return Shape(
        encoding=found["encoding_name"],
        collate=found["datcollate"],
        ctype=found["datctype"],
        locale_provider=found.get("datlocprovider", "c"),  # since 15
        icu_locale=found.get("datlocale") or found.get("daticulocale"),  # 17 renamed it
        owner=found["owner"],
    )


def extension_schemas(connection: Connection) -> dict[str, str]:
    """Which schema each extension is in."""
    return dict(connection.execute(EXTENSIONS).fetchall())


def foreign_servers(connection: Connection) -> tuple[str, ...]:
    """Names of foreign servers; a restored copy must not reach them."""
    return tuple(row[0] for row in connection.execute(FOREIGN_SERVERS))


def warnings(connection: Connection) -> tuple[str, ...]:
    """What the backup of this database cannot bring back, one sentence each (failure-modes B12, B13)."""
    with canonical(connection):
        return tuple(row[0] for row in connection.execute(WARNINGS))
