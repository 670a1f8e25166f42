-- The roles that Gate needs on production's server, and nothing more. Safe to run again: it only adds what is missing.
--
--   psql "$ADMIN_URL" -X -v ON_ERROR_STOP=1 -v database=shop -v owner=shop_owner -f deploy/roles.sql
--   psql "$ADMIN_URL" -c '\password gate'
--
-- Run it as a superuser, connected to any database but the target. Variables:
--   database  the database that is released to
--   owner     the role that owns it and its schemas: what migrations create shall belong to this role
--   login     the role that GATE_PRODUCTION_URL names (gate)
--   ledger    the schema of the migration tool's table (drizzle)
--
-- Four groups, none of which can log in:
--   gate_watch    sees who is connected and what the ledger says: gate status, plan, check
--   gate_backup   reads every row: gate backup
--   gate_migrate  acts as the owner: gate run
--   gate_restore  ends sessions, which a swap needs: gate restore, and the last rung after a failure
-- The login is in all four. A nightly backup or a dashboard gets a login of its own, in one of them:
--   create role nightly login in role gate_backup;
\if :{?login} \else \set login gate \endif
\if :{?ledger} \else \set ledger drizzle \endif
\set ON_ERROR_STOP on

select format('create role %I nologin', name)
  from unnest(array['gate_watch', 'gate_backup', 'gate_migrate', 'gate_restore']) as wanted(name)
 where not exists (select from pg_roles where rolname = name)
\gexec
select format('create role %I login', :'login') where not exists (select from pg_roles where rolname = :'login')
\gexec

-- watch: which cluster this is (pg_control_system), and what other sessions hold and run.
grant execute on function pg_control_system(), pg_control_checkpoint() to gate_watch;
grant pg_read_all_stats to gate_watch;
grant connect on database :"database" to gate_watch;

-- backup: every row. Row security would hide rows from a dump, which Gate refuses; only where tables have it:
--   alter role <login> bypassrls;
grant pg_read_all_data to gate_backup;
grant gate_watch to gate_backup;

-- migrate: the owner's rights, and no right of its own.
grant :"owner" to gate_migrate;
grant gate_watch to gate_migrate;

-- restore: end the sessions that keep the names from being exchanged. CREATEDB is an attribute, which no group passes on:
-- it is on the login below. Without both, leave [recovery] allow_restore = false in gate.toml.
grant pg_signal_backend to gate_restore;
grant :"owner" to gate_restore;
grant gate_watch to gate_restore;

grant gate_watch, gate_backup, gate_migrate, gate_restore to :"login";
alter role :"login" createdb;

-- In the target's database Gate acts as the owner from the first statement on: what a migration creates belongs to the
-- owner, and default privileges of the owner hold for it. The owner must then see what the groups see.
grant gate_watch to :"owner";
alter role :"login" in database :"database" set role to :'owner';

\connect :"database"
-- The ledger, for those who only watch; before the first migration there is none yet.
select format('grant usage on schema %I to gate_watch', nspname) from pg_namespace where nspname = :'ledger'
\gexec
select format('grant select on all tables in schema %I to gate_watch', nspname) from pg_namespace where nspname = :'ledger'
\gexec
