"""The questions that a fingerprint asks of the catalog; each leaves out what belongs to an extension."""

from tasks.clients.canonical import SETTINGS

CANONICAL = SETTINGS  # to be in force while any of these runs

# Partitioned parents hold no rows, foreign tables' rows are elsewhere, inheritance parents are read with ONLY.
# Tables of extensions are dumped in part or not at all (pg_extension_config_dump), so they are not compared.
TABLES = """
select format('%I.%I', n.nspname, c.relname), n.nspname, c.relname
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r'
   and c.relpersistence <> 't'
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and not exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1
"""

SEQUENCES = TABLES.replace("c.relkind = 'r'", "c.relkind = 'S'")

# (r.*) is always the whole row, even in a table that has a column r; "C" spares looking the collation up.
ROWS = """
select count(*), coalesce(sum(hashtextextended((r.*)::text collate "C", 0)::numeric), 0)::text
  from only {table} as r
"""

EXTENSIONS = "select extname, extversion from pg_extension order by 1"

MATERIALIZED = """
select format('%I.%I', n.nspname, c.relname), c.relispopulated
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'm'
   and not exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1
"""

LARGE_OBJECTS = "select oid from pg_largeobject_metadata order by oid"

# In pieces of 1 MiB: lo_get of the whole would need it twice in memory. 262144 is INV_READ.
LARGE_OBJECT_ROWS = """
select coalesce(sum(part.hash), 0)::text
  from pg_largeobject_metadata m
 cross join lateral (select lo_open(m.oid, 262144) as descriptor) as opened
 cross join lateral (
    select sum(hashtextextended(format('%%s %%s %%s', m.oid, n, encode(lo_get(m.oid, n << 20, 1 << 20), 'hex'))
               collate "C", 0)::numeric)
         + hashtextextended(format('%%s %%s %%s', m.oid, pg_get_userbyid(m.lomowner),
             (select string_agg(pg_get_userbyid(a.grantee) || a.privilege_type || a.is_grantable, ' '
                                order by a.grantee, a.privilege_type)
                from aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) a)) collate "C", 0)::numeric as hash
      from generate_series(0, lo_lseek64(opened.descriptor, 0, 2) >> 20) as n) as part
 where m.oid = any(%s)
"""

# A role that owns or is granted something in this database, and the one that initdb made, which depends on nothing.
ROLES = """
select r.rolname, r.rolsuper
  from pg_roles r
 where r.rolname !~ '^pg_'
   and (r.oid = 10 or exists (
        select from pg_shdepend s join pg_database d on d.datname = current_database()
         where s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid
           and (s.dbid = d.oid or (s.classid = 'pg_database'::regclass and s.objid = d.oid))))
 order by 1
"""

# The schema public of older majors belongs to whoever ran initdb, and pg_dump leaves that to the restoring cluster.
OBJECTS = """
with candidate(class, id, name, owner, acl, kind) as (
    select 'pg_namespace'::regclass, oid, 'schema ' || quote_ident(nspname), nspowner, nspacl, 'n'::"char"
      from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
    union all
    select 'pg_class'::regclass, c.oid, 'relation ' || format('%I.%I', n.nspname, c.relname), c.relowner, c.relacl,
           (case c.relkind when 'S' then 's' else 'r' end)::"char"
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't'
       and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select 'pg_proc'::regclass, p.oid, 'function ' || format('%I.%I(%s)', n.nspname, p.proname,
           pg_get_function_identity_arguments(p.oid)), p.proowner, p.proacl, 'f'
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    union all
    select 'pg_type'::regclass, t.oid, 'type ' || format('%I.%I', n.nspname, t.typname), t.typowner, t.typacl, 'T'
      from pg_type t join pg_namespace n on n.oid = t.typnamespace
      left join pg_class c on c.oid = t.typrelid
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
       and t.typtype <> 'm' and (t.typrelid = 0 or c.relkind = 'c')
       and not exists (select from pg_type element where element.typarray = t.oid)
    union all
    select 'pg_language'::regclass, oid, 'language ' || quote_ident(lanname), lanowner, lanacl, 'l'
      from pg_language where lanispl
    union all
    select 'pg_foreign_data_wrapper'::regclass, oid, 'foreign-data wrapper ' || quote_ident(fdwname), fdwowner,
           fdwacl, 'F'
      from pg_foreign_data_wrapper
    union all
    select 'pg_foreign_server'::regclass, oid, 'foreign server ' || quote_ident(srvname), srvowner, srvacl, 'S'
      from pg_foreign_server
    union all
    select 'pg_publication'::regclass, oid, 'publication ' || quote_ident(pubname), pubowner, null, null
      from pg_publication
    union all
    select 'pg_event_trigger'::regclass, oid, 'event trigger ' || quote_ident(evtname), evtowner, null, null
      from pg_event_trigger
), own as (
    select c.*, c.name = 'schema public' and c.owner = 10 as initial
      from candidate c
     where not exists (select from pg_depend d where d.classid = c.class and d.objid = c.id and d.deptype = 'e')
)
select name, case when initial then 'the role of initdb' else pg_get_userbyid(owner) end,
       case when kind is not null then {acl} end,
       case when kind is not null then {default} end
  from own
 order by 1
"""

COLUMN_GRANTS = """
select 'column ' || format('%I.%I.%I', n.nspname, c.relname, a.attname), {acl}
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
 where a.attacl is not null and not a.attisdropped
   and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and not exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1
"""

DEFAULT_GRANTS = """
select 'new objects of kind ' || d.defaclobjtype::text || ' by ' || quote_ident(pg_get_userbyid(d.defaclrole))
       || coalesce(' in ' || quote_ident(n.nspname), ''), coalesce({acl}, '')
  from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
 order by 1
"""

USER_MAPPINGS = """
select 'user mapping on ' || quote_ident(srvname) || ' for ' || quote_ident(usename), usename
  from pg_user_mappings
 order by 1
"""

_ACL = """(
    select string_agg(grantee || ': ' || privileges, '; ' order by grantee collate "C")
      from (select grantee, string_agg(privilege, ', ' order by privilege collate "C") as privileges
              from (select case when e.grantee = 0 then 'everybody'
                                when %(initial)s and e.grantee = 10 then 'the role of initdb'
                                else quote_ident(pg_get_userbyid(e.grantee)) end as grantee,
                           e.privilege_type || case when bool_or(e.is_grantable) then ' with grant option' else '' end
                               as privilege
                      from aclexplode(%(acl)s) e
                     group by e.grantee, e.privilege_type) as one
             group by grantee) as each)"""


def acl_text(acl: str, *, initial: str = "false") -> str:
    """SQL for an ACL in words, with grantees and privileges in a stable order and without grantors.

    Args:
        acl: an SQL expression of type aclitem[].
        initial: an SQL condition under which the role of initdb is not named.
    """
    return _ACL % {"acl": acl, "initial": initial}


OBJECTS = OBJECTS.replace(
    "{acl}", acl_text("coalesce(own.acl, acldefault(own.kind, own.owner))", initial="own.initial")
).replace("{default}", acl_text("acldefault(own.kind, own.owner)", initial="own.initial"))
COLUMN_GRANTS = COLUMN_GRANTS.replace("{acl}", acl_text("a.attacl"))
DEFAULT_GRANTS = DEFAULT_GRANTS.replace("{acl}", acl_text("d.defaclacl"))
