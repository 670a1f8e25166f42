-- name: ours
-- What is told apart everywhere: nothing of the server's own, of an extension's, or of the migrations table.
ours as (
  select c.oid, c.relname, c.relkind, n.nspname, c.relpersistence, c.reloptions, c.relispartition, c.relpartbound,
         c.relreplident, c.relrowsecurity, c.relforcerowsecurity, c.reloftype,
         format('%I.%I', n.nspname, c.relname) as name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and n.nspname || '.' || c.relname <> current_setting('gate.ledger')
     and not exists (select from pg_depend d
                      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
),
columns as (
  select o.oid, o.name as relation, o.relkind, o.relispartition, a.attnum, a.attname, a.attnotnull, a.attidentity,
         a.attgenerated, a.attinhcount, a.attislocal, a.attstattarget, a.attstorage, t.typstorage, d.oid as def,
         pg_get_expr(d.adbin, d.adrelid) as expression,
         format_type(a.atttypid, a.atttypmod)
           || case when a.attcollation <> 0 and a.attcollation <> t.typcollation
                   then ' collate ' || a.attcollation::regcollation::text else '' end as type
    from ours o
    join pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
),
written as (
  select *, format('%I %s', attname, type)
            || case attgenerated when 's' then ' generated always as (' || expression || ') stored'
                                 when 'v' then ' generated always as (' || expression || ') virtual' else '' end as text
    from columns
)

-- name: tables
-- with ours
select 'table', o.name,
       format('create %stable %s (', case o.relpersistence when 'u' then 'unlogged ' else '' end, o.name)
         || coalesce((select string_agg(w.text, ', ' order by w.attnum) from written w
                       where w.oid = o.oid and (w.attislocal or o.relispartition)), '') || ')'
         || coalesce((select ' inherits (' || string_agg(p.oid::regclass::text, ', ' order by i.inhseqno) || ')'
                        from pg_inherits i join pg_class p on p.oid = i.inhparent
                       where i.inhrelid = o.oid and not o.relispartition), '')
         || case o.relkind when 'p' then ' partition by ' || pg_get_partkeydef(o.oid) else '' end,
       'drop table ' || o.name, '', o.oid::bigint, o.relkind::text
  from ours o where o.relkind in ('r', 'p')

-- name: partitions
-- with ours
select 'partition', o.name,
       format('alter table %s attach partition %s %s', i.inhparent::regclass, o.name,
              pg_get_expr(o.relpartbound, o.oid)),
       format('alter table %s detach partition %s', i.inhparent::regclass, o.name),
       o.name, o.oid::bigint, ''
  from ours o join pg_inherits i on i.inhrelid = o.oid
 where o.relispartition and o.relkind in ('r', 'p')

-- name: columns
-- What the shape holds is the type: a column of another type is altered, not dropped.
-- with ours
select 'column', format('%s.%I', relation, attname),
       format('alter table %s add column %s', relation, text),
       format('alter table %s drop column %I', relation, attname),
       relation, attnum::bigint,
       case attgenerated when '' then format('alter table %s alter column %I type %s using %I::%s', relation, attname,
                                             type, attname, split_part(type, ' collate ', 1)) else '' end
  from written where relkind in ('r', 'p') and attinhcount = 0

-- name: identities
-- with ours
select 'identity', format('%s.%I', relation, attname),
       format('alter table %s alter column %I add generated %s as identity (sequence name %s increment by %s minvalue'
              ' %s maxvalue %s start with %s cache %s%s)', relation, attname,
              case attidentity when 'a' then 'always' else 'by default' end, s.seqrelid::regclass, s.seqincrement,
              s.seqmin, s.seqmax, s.seqstart, s.seqcache, case when s.seqcycle then ' cycle' else '' end),
       format('alter table %s alter column %I drop identity', relation, attname),
       relation, attnum::bigint,
       format('alter table %s alter column %I set generated %s set increment by %s set minvalue %s set maxvalue %s'
              ' set start with %s set cache %s set %scycle', relation, attname,
              case attidentity when 'a' then 'always' else 'by default' end, s.seqincrement, s.seqmin, s.seqmax,
              s.seqstart, s.seqcache, case when s.seqcycle then '' else 'no ' end)
  from columns c
  join pg_depend d on d.refobjid = c.oid and d.refobjsubid = c.attnum and d.deptype = 'i'
                  and d.classid = 'pg_class'::regclass
  join pg_sequence s on s.seqrelid = d.objid
 where attidentity <> '' and attinhcount = 0

-- name: defaults
-- with ours
select 'default', format('%s.%I', relation, attname),
       format('alter table %s alter column %I set default %s', relation, attname, expression),
       format('alter table %s alter column %I drop default', relation, attname),
       relation, attnum::bigint, ''
  from columns where expression is not null and attgenerated = '' and relkind in ('r', 'p', 'v')

-- name: not nulls
-- with ours
select 'not null', format('%s.%I', relation, attname),
       format('alter table %s alter column %I set not null', relation, attname),
       format('alter table %s alter column %I drop not null', relation, attname),
       relation, attnum::bigint, ''
  from columns where attnotnull and relkind in ('r', 'p') and attinhcount = 0

-- name: constraints
-- with ours
select case k.contype when 'f' then 'foreign key' else 'constraint' end, format('%I on %s', k.conname, o.name),
       format('alter table %s add constraint %I %s', o.name, k.conname, pg_get_constraintdef(k.oid)),
       format('alter table %s drop constraint %I', o.name, k.conname),
       o.name, k.oid::bigint, ''
  from pg_constraint k join ours o on o.oid = k.conrelid
 where k.contype in ('c', 'p', 'u', 'x', 'f') and k.coninhcount = 0 and k.conparentid = 0

-- name: indexes
-- with ours
select 'index', o.name, pg_get_indexdef(o.oid), 'drop index ' || o.name, i.indrelid::regclass::text, o.oid::bigint, ''
  from ours o join pg_index i on i.indexrelid = o.oid
 where not exists (select from pg_constraint k where k.conindid = o.oid and k.contype in ('p', 'u', 'x'))
   and not exists (select from pg_inherits h where h.inhrelid = o.oid)

-- name: views
-- with ours
select case relkind when 'v' then 'view' else 'materialized view' end, name,
       format('create %s %s%s as %s', case relkind when 'v' then 'view' else 'materialized view' end, name,
              coalesce(' with (' || array_to_string(reloptions, ', ') || ')', ''), rtrim(pg_get_viewdef(oid), ';')),
       format('drop %s %s', case relkind when 'v' then 'view' else 'materialized view' end, name),
       '', oid::bigint, ''
  from ours where relkind in ('v', 'm')

-- name: settings
-- with ours
select 'setting', s.key || ' of ' || o.name, s.on_, s.off, o.name, o.oid::bigint, ''
  from ours o
 cross join lateral (
   values ('row security', o.relrowsecurity, format('alter table %s enable row level security', o.name),
           format('alter table %s disable row level security', o.name)),
          ('forced row security', o.relforcerowsecurity, format('alter table %s force row level security', o.name),
           format('alter table %s no force row level security', o.name)),
          ('no logging', o.relpersistence = 'u', format('alter table %s set unlogged', o.name),
           format('alter table %s set logged', o.name)),
          ('replica identity', o.relreplident in ('f', 'n'),
           format('alter table %s replica identity %s', o.name, case o.relreplident when 'f' then 'full' else 'nothing' end),
           format('alter table %s replica identity default', o.name)),
          ('options', o.reloptions is not null,
           format('alter table %s set (%s)', o.name, array_to_string(o.reloptions, ', ')),
           format('alter table %s reset (%s)', o.name,
                  (select string_agg(split_part(x, '=', 1), ', ') from unnest(o.reloptions) x)))
 ) s(key, present, on_, off)
 where s.present and o.relkind in ('r', 'p')

-- name: column settings
-- with ours
select 'setting', s.key || ' of ' || format('%s.%I', relation, attname), s.on_, s.off, relation, attnum::bigint, ''
  from columns
 cross join lateral (
   values ('statistics', coalesce(attstattarget, -1) >= 0,
           format('alter table %s alter column %I set statistics %s', relation, attname, attstattarget),
           format('alter table %s alter column %I set statistics -1', relation, attname)),
          ('storage', attstorage <> typstorage,
           format('alter table %s alter column %I set storage %s', relation, attname,
                  case attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end),
           format('alter table %s alter column %I set storage %s', relation, attname,
                  case typstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end))
 ) s(key, present, on_, off)
 where s.present and relkind in ('r', 'p')

-- name: view depends
select format('%I.%I', vn.nspname, v.relname), format('%I.%I', rn.nspname, r.relname), coalesce(a.attname::text, '')
  from pg_rewrite w
  join pg_class v on v.oid = w.ev_class and v.relkind in ('v', 'm')
  join pg_namespace vn on vn.oid = v.relnamespace
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
  join pg_class r on r.oid = d.refobjid and r.oid <> v.oid
  join pg_namespace rn on rn.oid = r.relnamespace
  left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and d.refobjsubid > 0
 group by 1, 2, 3
 order by 1, 2, 3
