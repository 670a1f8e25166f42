"""Who a migration acts as: roles taken for a file, for a transaction or for good, and sessions swept clean."""

from tests.equality.sample import both, texts

TABLE = "CREATE TABLE users (id serial PRIMARY KEY, email text);"
OWNER = texts(TABLE, "CREATE ROLE shop_owner;", "GRANT CREATE, USAGE ON SCHEMA public TO shop_owner;")
MAY_WRITE_THE_LEDGER = texts(
    "GRANT USAGE ON SCHEMA drizzle TO shop_owner;",
    "GRANT INSERT ON drizzle.__drizzle_migrations TO shop_owner;",
    "GRANT USAGE ON SEQUENCE drizzle.__drizzle_migrations_id_seq TO shop_owner;",
)
THEIRS = "CREATE TABLE theirs (id int);"
LATER = "CREATE TABLE later (id int);"
MODULE = """DO $$ BEGIN
  SET LOCAL ROLE shop_owner;
  CREATE TABLE theirs (id int);
  RESET ROLE;
EXCEPTION WHEN duplicate_table THEN
  RAISE NOTICE 'there already';
END $$;"""
CAUGHT = """DO $$ BEGIN
  SET LOCAL ROLE shop_owner;
  CREATE TABLE users (id int);
EXCEPTION WHEN duplicate_table THEN
  RAISE NOTICE 'there already, and the role is given back with it';
END $$;"""

ROLES = (
    *both("a-role-for-a-file", OWNER, texts("SET ROLE shop_owner;", THEIRS, "RESET ROLE;"), LATER, halves=True),
    *both("a-role-in-one-piece", OWNER, f'SET SESSION ROLE "shop_owner"; {THEIRS} SET ROLE NONE;', LATER, halves=True),
    *both("a-local-role-for-a-file", OWNER, texts("SET LOCAL ROLE shop_owner;", THEIRS, "RESET ROLE;"), LATER),
    *both("a-local-role-for-the-rest", OWNER, texts("SET LOCAL ROLE shop_owner;", THEIRS), LATER),
    *both(
        "a-role-that-may-write-the-ledger",
        texts(OWNER, MAY_WRITE_THE_LEDGER),
        texts("SET ROLE shop_owner;", THEIRS),
        LATER,
        texts("RESET ROLE;", "CREATE TABLE ours (id int);"),
    ),
    *both(
        "a-local-role-that-may-write-the-ledger",
        texts(OWNER, MAY_WRITE_THE_LEDGER),
        texts("SET LOCAL ROLE shop_owner;", THEIRS),
        LATER,
    ),
    *both(
        "a-session-authorization-for-a-file",
        OWNER,
        texts("SET SESSION AUTHORIZATION shop_owner;", THEIRS, "RESET SESSION AUTHORIZATION;"),
        texts("SET LOCAL SESSION AUTHORIZATION 'shop_owner';", LATER, "SET SESSION AUTHORIZATION DEFAULT;"),
        halves=True,
    ),
    *both("a-session-authorization-for-the-rest", OWNER, "SET SESSION AUTHORIZATION shop_owner;", LATER),
    *both(
        "a-session-authorization-that-may-write-the-ledger",
        texts(OWNER, MAY_WRITE_THE_LEDGER),
        texts("SET SESSION AUTHORIZATION shop_owner;", THEIRS),
        LATER,
    ),
    *both(
        "a-role-by-function",
        OWNER,
        texts("SELECT set_config('role', 'shop_owner', true);", THEIRS, "SELECT set_config('role', 'none', true);"),
        LATER,
        halves=True,
    ),
    *both("a-role-in-a-block", OWNER, texts(MODULE, CAUGHT), LATER, halves=True),
    *both("a-role-that-an-undone-block-takes", OWNER, texts("SAVEPOINT s;", "SET ROLE shop_owner;", "ROLLBACK TO s;")),
    *both("a-role-that-does-not-exist", TABLE, texts("SET ROLE nobody_at_all;", THEIRS, "RESET ROLE;")),
    *both("a-role-without-the-right", TABLE, texts("SET ROLE pg_read_all_data;", "DROP TABLE users;", "RESET ROLE;")),
    *both(
        "a-role-in-a-transaction-of-its-own",
        OWNER,
        f"BEGIN; SET LOCAL ROLE shop_owner; {THEIRS} COMMIT;",
        f"BEGIN; SET ROLE shop_owner; {LATER} RESET ROLE; COMMIT;",
    ),
    *both(
        "a-role-beside-concurrently",
        OWNER,
        texts("SET ROLE shop_owner;", THEIRS, "RESET ROLE;"),
        texts("COMMIT;", "CREATE INDEX CONCURRENTLY users_email ON users (email);"),
        texts("SET ROLE shop_owner;", LATER, "RESET ROLE;"),
    ),
    *both(
        "a-session-swept-clean",
        texts(TABLE, "CREATE TEMP TABLE scratch (id int);", "SET search_path TO pg_catalog;"),
        texts("RESET ALL;", "DISCARD PLANS;", "DISCARD SEQUENCES;", "DISCARD TEMP;", LATER),
        "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false);",
        halves=True,
    ),
    *both("a-session-thrown-away", TABLE, "DISCARD ALL;"),
)
