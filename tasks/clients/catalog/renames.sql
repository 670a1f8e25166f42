-- name: names
-- {{old}} is where the former name goes. A schema's own objects move with it, so a relation's text names it as it is now.
with relations as (
  select c.oid, c.relname, c.relkind, n.nspname, format('%I.%I', n.nspname, c.relname) as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
)
select 'schema', oid::bigint, 0, quote_ident(nspname), format('alter schema %I rename to {old}', nspname)
  from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
union all
select 'place', oid::bigint, 0, quote_ident(nspname),
       format('alter %s %s set schema {old}', case relkind when 'v' then 'view' when 'm' then 'materialized view'
                                                           when 'S' then 'sequence' else 'table' end, name)
  from relations where relkind in ('r', 'p', 'v', 'm')
union all
select 'relation', oid::bigint, 0, quote_ident(relname),
       format('alter %s %s rename to {old}', case relkind when 'v' then 'view' when 'm' then 'materialized view'
              when 'S' then 'sequence' when 'i' then 'index' when 'I' then 'index' else 'table' end, name)
  from relations r
 where relkind in ('r', 'p', 'v', 'm', 'S', 'i', 'I')
   and not exists (select from pg_constraint k where k.conindid = r.oid and k.contype in ('p', 'u', 'x'))
union all
select 'column', a.attrelid::bigint, a.attnum, quote_ident(a.attname),
       format('alter table %s rename column %I to {old}', r.name, a.attname)
  from pg_attribute a join relations r on r.oid = a.attrelid and r.relkind in ('r', 'p')
 where a.attnum > 0 and not a.attisdropped and a.attinhcount = 0
union all
select 'constraint', k.oid::bigint, 0, quote_ident(k.conname),
       format('alter table %s rename constraint %I to {old}', r.name, k.conname)
  from pg_constraint k join relations r on r.oid = k.conrelid where k.contype in ('c', 'p', 'u', 'x', 'f')
   and k.coninhcount = 0
union all
select 'type', t.oid::bigint, 0, quote_ident(t.typname), format('alter type %I.%I rename to {old}', n.nspname, t.typname)
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
 where t.typtype in ('e', 'd') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select 'value', e.oid::bigint, 0, quote_literal(e.enumlabel),
       format('alter type %s rename value %L to {old}', e.enumtypid::regtype, e.enumlabel)
  from pg_enum e
union all
select 'function', p.oid::bigint, 0, quote_ident(p.proname),
       format('alter %s %I.%I(%s) rename to {old}', case p.prokind when 'p' then 'procedure' else 'function' end,
              n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and p.prokind in ('f', 'p')
union all
select 'trigger', t.oid::bigint, 0, quote_ident(t.tgname), format('alter trigger %I on %s rename to {old}', t.tgname, r.name)
  from pg_trigger t join relations r on r.oid = t.tgrelid where not t.tgisinternal and t.tgparentid = 0
union all
select 'policy', p.oid::bigint, 0, quote_ident(p.polname), format('alter policy %I on %s rename to {old}', p.polname, r.name)
  from pg_policy p join relations r on r.oid = p.polrelid
