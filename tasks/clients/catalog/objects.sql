-- name: schemas
select 'schema', quote_ident(nspname), format('create schema %I', nspname), format('drop schema %I', nspname), '',
       oid::bigint, ''
  from pg_namespace
 where nspname !~ '^pg_' and nspname not in ('information_schema', current_setting('gate.ledger_schema'))
   and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = oid and d.deptype = 'e')

-- name: extensions
select 'extension', quote_ident(extname),
       format('create extension %I with schema %I', extname, extnamespace::regnamespace::text),
       format('drop extension %I', extname), '', e.oid::bigint, ''
  from pg_extension e where extname <> 'plpgsql'

-- name: types
types as (
  select t.*, format('%I.%I', n.nspname, t.typname) as name
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and not exists (select from pg_depend d
                      where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
)

-- name: enums
-- The shape of an enum is its values: one more cannot be taken away again.
-- with types
select 'enum', t.name,
       format('create type %s as enum (%s)', t.name, (select string_agg(quote_literal(enumlabel), ', ' order by enumsortorder)
                                                        from pg_enum where enumtypid = t.oid)),
       'drop type ' || t.name, '', t.oid::bigint,
       (select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid)
  from types t where t.typtype = 'e'

-- name: domains
-- with types
select 'domain', t.name,
       format('create domain %s as %s%s%s', t.name, format_type(t.typbasetype, t.typtypmod),
              coalesce(' default ' || t.typdefault, ''), case when t.typnotnull then ' not null' else '' end),
       'drop domain ' || t.name, '', t.oid::bigint,
       format('alter domain %s %s; alter domain %s %s not null', t.name,
              coalesce('set default ' || t.typdefault, 'drop default'), t.name,
              case when t.typnotnull then 'set' else 'drop' end)
  from types t where t.typtype = 'd'

-- name: domain constraints
-- with types
select 'domain constraint', format('%I on %s', k.conname, t.name),
       format('alter domain %s add constraint %I %s', t.name, k.conname, pg_get_constraintdef(k.oid)),
       format('alter domain %s drop constraint %I', t.name, k.conname), t.name, k.oid::bigint, ''
  from pg_constraint k join types t on t.oid = k.contypid where k.contype = 'c'

-- name: composites
-- with ours
select 'composite type', o.name,
       format('create type %s as (%s)', o.name, (select string_agg(c.text, ', ' order by c.attnum) from written c
                                                   where c.oid = o.oid)),
       'drop type ' || o.name, '', o.oid::bigint, ''
  from ours o where o.relkind = 'c'

-- name: sequences
-- with ours
select 'sequence', o.name, 'create sequence ' || o.name || v.text, 'drop sequence if exists ' || o.name, '', o.oid::bigint,
       'alter sequence ' || o.name || v.text
  from ours o
  join pg_sequence s on s.seqrelid = o.oid
 cross join lateral (
   select format(' as %s increment by %s minvalue %s maxvalue %s start with %s cache %s%s', format_type(s.seqtypid, null),
                 s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache,
                 case when s.seqcycle then ' cycle' else ' no cycle' end)
 ) v(text)
 where not exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = o.oid and d.deptype = 'i')

-- name: owned sequences
-- with ours
select 'ownership', o.name, format('alter sequence %s owned by %s.%I', o.name, d.refobjid::regclass, a.attname),
       format('alter sequence %s owned by none', o.name), t.name, o.oid::bigint, ''
  from ours o
  join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = o.oid and d.deptype = 'a'
                  and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  join ours t on t.oid = d.refobjid
 where o.relkind = 'S'

-- name: functions
-- The shape of a function is what it returns: only with the same one it can be replaced where it is.
select 'function', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       rtrim(pg_get_functiondef(p.oid), E'\n'),
       format('drop %s %I.%I(%s)', case p.prokind when 'p' then 'procedure' else 'function' end, n.nspname, p.proname,
              pg_get_function_identity_arguments(p.oid)),
       '', p.oid::bigint,
       coalesce(pg_get_function_result(p.oid), '') || '(' || pg_get_function_arguments(p.oid) || ')'
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and p.prokind in ('f', 'p', 'w')
   and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i'))

-- name: triggers
-- with ours
select 'trigger', format('%I on %s', t.tgname, o.name),
       pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' else
         format(E';\nalter table %s %s trigger %I', o.name,
                case t.tgenabled when 'D' then 'disable' when 'A' then 'enable always' else 'enable replica' end, t.tgname)
       end,
       format('drop trigger %I on %s', t.tgname, o.name), o.name, t.oid::bigint, ''
  from pg_trigger t join ours o on o.oid = t.tgrelid
 where not t.tgisinternal and t.tgparentid = 0

-- name: rules
-- with ours
select 'rule', format('%I on %s', r.rulename, o.name), rtrim(pg_get_ruledef(r.oid), ';'),
       format('drop rule %I on %s', r.rulename, o.name), o.name, r.oid::bigint, ''
  from pg_rewrite r join ours o on o.oid = r.ev_class where r.rulename <> '_RETURN'

-- name: policies
-- with ours
select 'policy', format('%I on %s', p.polname, o.name),
       format('create policy %I on %s as %s for %s to %s', p.polname, o.name,
              case when p.polpermissive then 'permissive' else 'restrictive' end,
              case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
                            else 'all' end,
              (select string_agg(case when r = 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ')
                 from unnest(p.polroles) r))
         || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
         || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
       format('drop policy %I on %s', p.polname, o.name), o.name, p.oid::bigint, ''
  from pg_policy p join ours o on o.oid = p.polrelid

-- name: statistics
-- with ours
select 'statistics', format('%I.%I', s.stxnamespace::regnamespace::text, s.stxname), pg_get_statisticsobjdef(s.oid),
       format('drop statistics %I.%I', s.stxnamespace::regnamespace::text, s.stxname), o.name, s.oid::bigint, ''
  from pg_statistic_ext s join ours o on o.oid = s.stxrelid

-- name: comments
select 'comment', what || ' ' || identity, format('comment on %s %s is %L', what, identity, description),
       format('comment on %s %s is null', what, identity), owner, oid, ''
  from (select d.objoid::bigint as oid, d.description, i.identity,
               case when i.type like '% column' then 'column' when i.type = 'table constraint' then 'constraint'
                    when i.type = 'composite type' then 'type' else i.type end as what,
               case when d.classoid = 'pg_class'::regclass then d.objoid::regclass::text else '' end as owner
          from pg_description d
         cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
         where d.objoid >= 16384 and i.identity is not null and i.type <> 'extension'
           and not exists (select from pg_depend e
                            where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e')) found

-- name: grants
-- with ours,
granted as (
  select o.name as owner, case o.relkind when 'S' then 'sequence' else 'table' end as what, o.name, a.*, o.oid
    from ours o join pg_class c on c.oid = o.oid
   cross join lateral aclexplode(c.relacl) a where o.relkind in ('r', 'p', 'v', 'm', 'S')
  union all
  select '', 'schema', quote_ident(n.nspname), a.*, n.oid
    from pg_namespace n cross join lateral aclexplode(n.nspacl) a
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
)
select 'grant', format('%s on %s %s to %s', privilege_type, what, name, grantee::regrole),
       format('grant %s on %s %s to %s%s', privilege_type, what, name,
              case grantee when 0 then 'public' else grantee::regrole::text end,
              case when is_grantable then ' with grant option' else '' end),
       format('revoke %s on %s %s from %s', privilege_type, what, name,
              case grantee when 0 then 'public' else grantee::regrole::text end),
       owner, oid::bigint, ''
  from granted where grantee <> grantor
