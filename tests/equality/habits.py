"""What teams write by hand, as hundreds of public histories show it, in small and in words of our own."""

from datetime import UTC, datetime, timedelta

from tests.equality.sample import FIRST_WHEN, Sample, Step, both, texts

TABLE = "CREATE TABLE items (id serial PRIMARY KEY, name text, kept boolean DEFAULT true);"
ROWS = "INSERT INTO items (name) SELECT 'item ' || n FROM generate_series(1, 40) n;"
LEDGER = '"drizzle"."__drizzle_migrations"'
NEXT = "ALTER TABLE items ADD COLUMN more int;"
CONCURRENTLY = "CREATE INDEX CONCURRENTLY IF NOT EXISTS items_name ON items (name);"
IN_BATCHES = """CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
BEGIN
  FOR n IN 1..4 LOOP
    UPDATE items SET kept = false WHERE id % 4 = n - 1;
    COMMIT;
  END LOOP;
END $$;"""
BATCH_BLOCK = IN_BATCHES.replace("CREATE PROCEDURE fill() LANGUAGE plpgsql AS", "DO")
ADDED_IN_A_BLOCK = """DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_enum WHERE enumlabel = 'archived' AND enumtypid = 'public.state'::regtype) THEN
    ALTER TYPE state ADD VALUE 'archived';
  END IF;
END $$;"""
RLS_FOR_ALL = """CREATE FUNCTION secure_new_tables() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
  FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' AND schema_name = 'public' LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', made.object_identity);
  END LOOP;
END $$;"""
DUMP = texts(
    """SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA IF NOT EXISTS "drizzle";
ALTER SCHEMA "drizzle" OWNER TO CURRENT_USER;
COMMENT ON SCHEMA "public" IS 'standard public schema';
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE IF NOT EXISTS "drizzle"."__drizzle_migrations" (id integer, hash text NOT NULL, created_at bigint);
CREATE TABLE public.items (id integer NOT NULL, name text);
RESET ALL;""",
)

LEDGERS = (
    *both("row-security-on-the-ledger", TABLE, f"ALTER TABLE {LEDGER} ENABLE ROW LEVEL SECURITY;", NEXT, halves=True),
    *both(
        "the-ledger-closed-to-others",
        TABLE,
        texts(
            f"REVOKE ALL ON TABLE {LEDGER} FROM PUBLIC;",
            f"CREATE POLICY nobody ON {LEDGER} USING (false);",
            f"ALTER TABLE {LEDGER} ENABLE ROW LEVEL SECURITY;",
            f"COMMENT ON TABLE {LEDGER} IS 'what ran';",
            "REVOKE ALL ON SCHEMA drizzle FROM PUBLIC;",
        ),
        NEXT,
        halves=True,
    ),
    *both("a-dump-with-the-ledger-in-it", DUMP, "CREATE TABLE more (id int);", halves=True),
    *both("a-table-of-the-ledgers-name-elsewhere", 'CREATE TABLE "__drizzle_migrations" (id int);', TABLE, halves=True),
    *both("another-ledger-dropped", TABLE, 'DROP TABLE IF EXISTS "__drizzle_migrations";', NEXT, halves=True),
    *both("a-ledger-of-another-tool-dropped", TABLE, 'DROP TABLE IF EXISTS public."_prisma_migrations" CASCADE;'),
    *both("a-row-of-the-ledger-that-is-not-there", TABLE, f"DELETE FROM {LEDGER} WHERE hash = 'never';", NEXT),
    *both("a-row-of-the-ledger-removed", TABLE, f"DELETE FROM {LEDGER} WHERE id = 1;", NEXT, word="better"),
    *both("an-index-on-the-ledger", TABLE, f"CREATE INDEX IF NOT EXISTS by_hash ON {LEDGER} (hash);", NEXT),
    *both("the-ledger-read", TABLE, f"DO $$ BEGIN PERFORM count(*) FROM {LEDGER}; END $$;", NEXT, halves=True),
)
TRANSACTIONS = (
    *both("begin-without-commit", TABLE, texts("BEGIN;", NEXT), "SELECT 1;", halves=True),
    *both(
        "begin-without-commit-before-a-failure", TABLE, texts(NEXT, "BEGIN;", ROWS), "INSERT INTO nowhere VALUES (1);"
    ),
    *both("limits-before-begin", TABLE, texts("SET lock_timeout = '5s';", "BEGIN;", NEXT, "COMMIT;"), "SELECT 1;"),
    *both("commit-at-the-end", TABLE, texts(NEXT, "COMMIT;"), "CREATE TABLE later (id int);"),
    *both("end-and-start", TABLE, texts("END;", "START TRANSACTION;", NEXT), "CREATE TABLE later (id int);"),
    *both("commit-and-chain", TABLE, texts(NEXT, "COMMIT AND CHAIN;", ROWS), "CREATE TABLE later (id int);"),
    *both("commit-alone", TABLE, "COMMIT;", texts("COMMIT;", "COMMIT;"), NEXT),
    *both("begin-with-a-mode", TABLE, texts("BEGIN READ WRITE;", NEXT, "COMMIT;"), "SELECT 1;"),
    *both(
        "an-enum-value-committed-by-hand",
        "CREATE TYPE state AS ENUM ('open'); CREATE TABLE jobs (s state);",
        texts("ALTER TYPE state ADD VALUE 'done';", "COMMIT;", "BEGIN;"),
        "INSERT INTO jobs VALUES ('done');",
        texts(ADDED_IN_A_BLOCK, "COMMIT;", "BEGIN;", "INSERT INTO jobs VALUES ('archived');"),
    ),
    *both(
        "an-enum-value-added-in-a-block",
        "CREATE TYPE state AS ENUM ('open'); CREATE TABLE jobs (s state);",
        ADDED_IN_A_BLOCK,
        "CREATE INDEX archived_jobs ON jobs (s) WHERE s = 'archived';",
    ),
    *both(
        "indexes-behind-a-commit-without-begin",
        texts(TABLE, "CREATE INDEX items_old ON items (kept);"),
        texts(
            "COMMIT;",
            "SET lock_timeout = 0;",
            "DROP INDEX CONCURRENTLY IF EXISTS items_old;",
            CONCURRENTLY,
            "SET lock_timeout = '5s';",
        ),
        texts("SET LOCAL search_path TO pg_catalog;", "CREATE TABLE later (id int);"),
        texts("BEGIN;", "SET LOCAL lock_timeout = '1s';", "LOCK TABLE items IN SHARE MODE;", NEXT, "COMMIT;"),
    ),
    *both("a-lock-behind-a-commit", TABLE, texts("COMMIT;", CONCURRENTLY, "LOCK TABLE items;"), word="better"),
    *both(
        "what-lasts-until-commit-behind-one",
        texts("CREATE SCHEMA other;", TABLE),
        texts("COMMIT;", CONCURRENTLY),
        texts("SET LOCAL search_path TO other;", "CREATE TABLE here (id int);"),
        texts("SELECT set_config('search_path', 'other', true);", "CREATE TABLE there (id int);"),
        "SET LOCAL search_path TO other; CREATE TABLE elsewhere (id int);",
    ),
    *both("batches-in-a-procedure", texts(TABLE, ROWS), texts(IN_BATCHES, "CALL fill();", "DROP PROCEDURE fill;")),
    *both(
        "batches-in-a-procedure-behind-a-commit",
        texts(TABLE, ROWS),
        texts(IN_BATCHES, "COMMIT;", "CALL fill();", "BEGIN;", "DROP PROCEDURE fill;"),
        NEXT,
    ),
    *both("batches-in-a-block-behind-a-commit", texts(TABLE, ROWS), texts("COMMIT;", BATCH_BLOCK), NEXT),
    *both("vacuum-behind-a-commit", texts(TABLE, ROWS), texts("COMMIT;", "VACUUM (ANALYZE) items;"), NEXT),
    *both("vacuum", texts(TABLE, ROWS), "VACUUM ANALYZE items;", word="better"),
    *both("reindex-and-cluster", texts(TABLE, ROWS), "REINDEX TABLE items; CLUSTER items USING items_pkey; ANALYZE;"),
    *both("modes-of-the-transaction", "SET TRANSACTION READ WRITE;", texts(TABLE, "SET TRANSACTION READ WRITE;"), NEXT),
    *both("an-isolation-too-late", TABLE, texts("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;", NEXT)),
    *both("the-isolation-that-it-is-anyway", TABLE, texts("SET TRANSACTION ISOLATION LEVEL READ COMMITTED;", NEXT)),
    *both("an-isolation-first", texts("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;", TABLE), NEXT),
    *both("the-rest-read-only", TABLE, "SET TRANSACTION READ ONLY;"),
    *both("characteristics", "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;", TABLE, NEXT),
)
SESSIONS = (
    *both(
        "limits-kept-and-given-back",
        texts("SELECT set_config('shop.lock_timeout', current_setting('lock_timeout'), false);", TABLE),
        texts(
            "SET lock_timeout = '1s';",
            NEXT,
            "SELECT set_config('lock_timeout', current_setting('shop.lock_timeout'), true);",
            "SET LOCAL statement_timeout = DEFAULT;",
            "RESET statement_timeout;",
        ),
        "SET LOCAL TIME ZONE 'UTC'; SET LOCAL check_function_bodies = off;",
        halves=True,
    ),
    *both(
        "channels",
        texts(TABLE, "NOTIFY pgrst, 'reload schema';"),
        texts("LISTEN jobs;", "NOTIFY jobs;", "SELECT pg_notify('jobs', 'x');", "UNLISTEN *;"),
        halves=True,
    ),
    *both(
        "statements-with-a-name",
        texts(TABLE, "PREPARE add (text) AS INSERT INTO items (name) VALUES ($1);", "EXECUTE add('one');"),
        texts("EXECUTE add('two');", "DEALLOCATE add;", "DECLARE c CURSOR FOR SELECT * FROM items;", "FETCH 1 FROM c;"),
        "CLOSE c; DEALLOCATE ALL;",
    ),
    *both(
        "tables-for-a-while",
        texts(TABLE, ROWS, "CREATE TEMP TABLE merged ON COMMIT DROP AS SELECT id FROM items WHERE id % 2 = 0;"),
        texts("DELETE FROM items USING merged WHERE items.id = merged.id;", "CREATE TEMP TABLE left_over (id int);"),
        "INSERT INTO left_over VALUES (1);",
    ),
    *both(
        "locks-of-the-session",
        texts("SELECT pg_advisory_xact_lock(hashtext('release'));", "SELECT pg_advisory_lock(7);", TABLE),
        texts("SELECT pg_advisory_unlock(7);", "LOCK TABLE items IN ACCESS EXCLUSIVE MODE;", NEXT),
        halves=True,
    ),
    *both(
        "strings-with-backslashes",
        TABLE,
        r"SET standard_conforming_strings = off; INSERT INTO items (name) VALUES ('\'');",
    ),
    *both(
        "replica",
        texts(TABLE, "SET session_replication_role = replica;", ROWS),
        "SET session_replication_role = DEFAULT;",
    ),
)
CLUSTERS = (
    *both(
        "settings-of-roles-and-databases",
        texts(TABLE, "CREATE ROLE runtime LOGIN PASSWORD 'x';", "ALTER ROLE runtime SET statement_timeout = '3s';"),
        texts(
            "ALTER ROLE CURRENT_USER SET search_path = '$user', public;",
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO %L', current_database(), 'UTC'); END $$;",
            "ALTER ROLE runtime RESET ALL;",
            "DO $$ BEGIN EXECUTE format('GRANT runtime TO %I', current_user); END $$;",
            "GRANT pg_read_all_data TO runtime;",
        ),
        texts("DROP OWNED BY runtime;", "DROP ROLE runtime;", NEXT),
        halves=True,
    ),
    *both("a-role-that-is-there-already", texts(TABLE, "CREATE ROLE runtime;"), "CREATE ROLE runtime;"),
    *both(
        "a-role-made-unless-it-is-there",
        texts(
            TABLE,
            "DO $$ BEGIN CREATE ROLE runtime; EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO runtime;",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO runtime;",
        ),
        "CREATE TABLE later (id int);",
        halves=True,
    ),
    *both("row-security-for-every-new-table", RLS_FOR_ALL + "\nCREATE EVENT TRIGGER secure ON ddl_command_end"
          " WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION secure_new_tables();", TABLE, "DROP EVENT TRIGGER secure;"),
    *both("settings-of-the-server", TABLE, "ALTER SYSTEM SET work_mem = '8MB';"),
    *both("another-database", TABLE, "CREATE DATABASE other;"),
    *both("a-file-of-the-server", TABLE, "COPY items FROM '/nowhere/items.csv';"),
    *both("an-extension-that-nobody-has", texts(TABLE, "CREATE EXTENSION IF NOT EXISTS pg_nothing_of_the_kind;"), NEXT),
    *both("functions-of-an-extension-that-is-not-there", TABLE, "SELECT create_hypertable('items', 'id');"),
    *both("a-schedule", TABLE, "SELECT cron.schedule('sweep', '0 3 * * *', $$DELETE FROM items$$);"),
    *both("a-server-elsewhere", TABLE, "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;"),
)  # fmt: skip


CONTENTS = (
    *both(
        "an-index-built-and-repaired",
        texts(TABLE, ROWS),
        texts(
            "SET statement_timeout = 0;",
            "COMMIT;",
            "DROP INDEX CONCURRENTLY IF EXISTS items_kept_name;",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS items_kept_name ON items (kept, name);",
            "REINDEX INDEX CONCURRENTLY items_kept_name;",
            "SET statement_timeout = '10s';",
            "-- opened again for the row of this migration\nBEGIN;",
        ),
        texts("ALTER TABLE items ADD CONSTRAINT items_unique UNIQUE USING INDEX items_kept_name;", NEXT),
    ),
    *both(
        "markers-of-every-kind",
        f"{TABLE}--> statement-breakpoint--> statement-breakpoint\n{ROWS}\n--> statement-breakpoint\n",
        f"--> statement-breakpoint\n--> statement-breakpoint\n{NEXT}--> statement-breakpoint -- and a word",
        halves=True,
    ),
    *both("a-marker-and-rubbish", TABLE, f"{NEXT}--> statement-breakpoint);\nSELECT 1;"),
    *both("another-dialects-text", "CREATE TABLE `items` (`id` int AUTO_INCREMENT NOT NULL);"),
    *both("a-conflict-left-in", TABLE, f"<<<<<<< HEAD\n{NEXT}\n=======\n{ROWS}\n>>>>>>> branch\n"),
    *both("a-refusal-of-its-own", TABLE, "DO $$ BEGIN RAISE EXCEPTION 'there are % rows', 3; END $$;", NEXT),
    *both(
        "an-identity-of-an-old-column",
        "CREATE TABLE items (id bigint PRIMARY KEY NOT NULL, name text, state text DEFAULT 'new' NOT NULL);",
        texts(
            'ALTER TABLE "items" ALTER COLUMN "id" ADD GENERATED ALWAYS AS IDENTITY (sequence name "items_id_seq"'
            " INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1);",
            "CREATE TYPE \"public\".\"state\" AS ENUM('new', 'old');",
            'ALTER TABLE "items" ALTER COLUMN "state" SET DEFAULT \'new\'::"public"."state";',
            'ALTER TABLE "items" ALTER COLUMN "state" SET DATA TYPE "public"."state" USING "state"::"public"."state";',
            "ALTER TYPE \"public\".\"state\" RENAME VALUE 'old' TO 'gone';",
        ),
        halves=True,
    ),
    *both(
        "words-to-search-by",
        texts(TABLE, "CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);"),
        texts(
            "ALTER TABLE items ADD COLUMN found tsvector GENERATED ALWAYS AS (to_tsvector('simple', name)) STORED;",
            "CREATE INDEX items_found ON items USING gin (found);",
            "CREATE MATERIALIZED VIEW kept AS SELECT * FROM items WHERE kept WITH NO DATA;",
            "CREATE UNIQUE INDEX kept_id ON kept (id);",
            "REFRESH MATERIALIZED VIEW kept;",
        ),
        "REFRESH MATERIALIZED VIEW CONCURRENTLY kept;",
        halves=True,
    ),
    *both(
        "everything-beside-tables",
        texts(
            TABLE,
            "CREATE PUBLICATION changes FOR TABLE items;",
            "ALTER TABLE items REPLICA IDENTITY FULL;",
            "CREATE RULE no_delete AS ON DELETE TO items WHERE OLD.kept DO INSTEAD NOTHING;",
            "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);",
            "CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');",
            "CREATE SEQUENCE tickets START 100 OWNED BY items.id;",
            "CREATE UNLOGGED TABLE cached (key text PRIMARY KEY, value jsonb);",
            "CREATE STATISTICS together ON name, kept FROM items;",
            "CREATE COLLATION plain (provider = libc, locale = 'C');",
            "SELECT lo_create(4711);",
        ),
        texts(
            "ALTER TABLE items DISABLE TRIGGER ALL;",
            "SELECT setval('tickets', 500);",
            'INSERT INTO cached SELECT \'k\', \'{"a": "?", "b": "$1 :x %s"}\' WHERE \'{"a": 1}\'::jsonb ? \'a\';',
            "WITH gone AS (DELETE FROM cached RETURNING *) INSERT INTO items (name) SELECT key FROM gone;",
            "INSERT INTO cached VALUES ('k') ON CONFLICT (key) DO UPDATE SET value = '[]';",
            "ALTER TABLE items ENABLE TRIGGER ALL;",
            "TRUNCATE cached RESTART IDENTITY CASCADE;",
        ),
        halves=True,
    ),
    *both(
        "an-owner-taken-and-given-back",
        texts(TABLE, "CREATE ROLE app_owner NOLOGIN;"),
        texts(
            "DO $$ BEGIN EXECUTE format('GRANT app_owner TO %I', current_user); END $$;",
            "GRANT CREATE ON SCHEMA public TO app_owner;",
            "ALTER TABLE items OWNER TO app_owner;",
            "SET ROLE app_owner;",
            NEXT,
            "DO $$ DECLARE me name := current_user; BEGIN\n  IF me <> 'app_owner' THEN RAISE EXCEPTION 'not %', me;"
            " END IF;\nEND $$;",
            "RESET ROLE;",
            "REVOKE CREATE ON SCHEMA public FROM app_owner;",
            "DO $$ BEGIN EXECUTE format('REVOKE app_owner FROM %I', current_user); END $$;",
        ),
        "ALTER TABLE items FORCE ROW LEVEL SECURITY;",
        halves=True,
    ),
    *both("a-database-by-its-name", TABLE, "ALTER DATABASE \"shop\" SET timezone TO 'UTC';", NEXT),
    *both("the-maintenance-database", TABLE, "ALTER DATABASE postgres SET timezone TO 'America/Havana';", NEXT),
    *both(
        "what-a-newer-server-knows", TABLE, "ALTER TABLE items ADD COLUMN v int GENERATED ALWAYS AS (id * 2) VIRTUAL;"
    ),
)


def _late(days: int) -> int:
    return int((datetime.now(UTC) + timedelta(days=days)).timestamp() * 1000)


PIECES = (TABLE, NEXT, "CREATE TABLE later (id int);")
TIMES = (
    Sample(
        "a-time-to-come",
        0,
        tuple(Step(f"{n:04}_x", p, when=_late(n)) for n, p in enumerate(PIECES, 100)),
        word="better",
    ),
    Sample("no-time-at-all", 0, tuple(Step(f"{n:04}_x", p, when=n) for n, p in enumerate(PIECES))),
    Sample("one-time-for-all", 0, tuple(Step(f"{n:04}_x", p, when=FIRST_WHEN) for n, p in enumerate(PIECES))),
    Sample(
        "a-time-to-come",
        1,
        tuple(Step(f"{datetime.now(UTC).year + 2 + n}0101120000_x", p) for n, p in enumerate(PIECES)),
    ),
    Sample(
        "old-journal",
        0,
        tuple(Step(f"{n:04}_x", p, entry={"version": "5", "breakpoints": False}) for n, p in enumerate(PIECES)),
    ),
    Sample("one-file-twice", 0, (Step("0000_x", TABLE), Step("0000_x", TABLE)), word="better"),
    Sample(
        "folders-of-another-tool-beside-it",
        0,
        tuple(Step(f"{n:04}_x", p) for n, p in enumerate(PIECES)),
        extra={"20240101120000_init/migration.sql": TABLE, "migration_lock.toml": 'provider = "postgresql"'},
        halves=True,
    ),
    Sample("numbers-twice", 0, tuple(Step(f"000{n // 2}_{n}", p, entry={"idx": 0}) for n, p in enumerate(PIECES))),
)

HABITS = (*LEDGERS, *TRANSACTIONS, *SESSIONS, *CLUSTERS, *CONTENTS, *TIMES)
