"""What public histories contain (facts: Drizzle 12), in small: each with the ending that both tools come to."""

from tests.equality.sample import FIRST_WHEN, Sample, Step, both, texts

TABLE = 'CREATE TABLE "users" ("id" serial PRIMARY KEY NOT NULL, "email" text NOT NULL);'
IN_PUBLIC = TABLE.replace('"users"', "public.users")
NOT_VALID = "ALTER TABLE users ADD CONSTRAINT short CHECK (length(email) < 300) NOT VALID;"
EXCLUDE = "CREATE TABLE rooms (room int, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));"
SEARCH = """CREATE FUNCTION search(q text) RETURNS SETOF users LANGUAGE sql STABLE SET search_path = public
  AS $$ SELECT * FROM users WHERE email % q OR unaccent(email) ILIKE '%' || unaccent(q) || '%' $$;"""
BIG = tuple(
    Step(
        f"{n:04}_step_{n}",
        texts(
            f'CREATE TABLE "t{n}" ("id" serial PRIMARY KEY, "note" text);',
            f'CREATE INDEX "t{n}_note" ON "t{n}" ("note");',
            "-- " + "what this one is for; " * 110,
        ),
    )
    for n in range(300)
)


PUBLIC = (
    *both(
        "roles-of-their-own",
        texts(TABLE, "CREATE ROLE app_reader NOLOGIN;"),
        texts("GRANT SELECT ON users TO app_reader;", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app_reader;"),
        texts(
            "ALTER TABLE users ENABLE ROW LEVEL SECURITY;",
            "CREATE POLICY own ON users TO app_reader USING (email = current_user);",
        ),
        halves=True,
    ),
    *both("roles-from-outside", texts(TABLE, 'GRANT ALL ON "users" TO "somebody else";'), halves=True),
    *both(
        "a-platforms-schemas",
        texts(TABLE, "ALTER TABLE users ADD COLUMN owner uuid REFERENCES auth.users (id) ON DELETE CASCADE;"),
        texts(
            "ALTER TABLE users ENABLE ROW LEVEL SECURITY;",
            "CREATE POLICY own ON users FOR SELECT TO authenticated USING ((select auth.uid()) = owner);",
            "INSERT INTO storage.buckets (id, name) VALUES ('avatars', 'avatars');",
        ),
        halves=True,
    ),
    *both(
        "extensions-taken-for-granted",
        TABLE,
        texts("CREATE INDEX users_trgm ON users USING gin (email gin_trgm_ops);", SEARCH),
        "ALTER TABLE users ADD COLUMN embedding vector(3);",
        "CREATE INDEX users_hnsw ON users USING hnsw (embedding vector_cosine_ops);",
        "ALTER TABLE users ADD COLUMN alias citext;",
        EXCLUDE,
        halves=True,
    ),
    *both(
        "extensions-of-another-build",
        texts('CREATE EXTENSION IF NOT EXISTS "uuid-ossp";', "CREATE EXTENSION IF NOT EXISTS pgcrypto;", TABLE),
        "ALTER TABLE users ADD COLUMN token uuid DEFAULT uuid_generate_v4(), ADD COLUMN key text;",
        "UPDATE users SET key = encode(digest(email, 'sha256'), 'hex');",
        halves=True,
    ),
    *both(
        "an-enum-value-that-is-used-later",
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE people (m mood);",
        "ALTER TYPE mood ADD VALUE 'happy';",
        "INSERT INTO people VALUES ('happy');",
        "ALTER TABLE people ALTER COLUMN m SET DEFAULT 'happy';",
    ),
    *both(
        "an-enum-that-is-made-anew",
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE people (m mood DEFAULT 'ok');",
        texts(
            "ALTER TABLE people ALTER COLUMN m SET DATA TYPE text;",
            "ALTER TABLE people ALTER COLUMN m SET DEFAULT 'ok'::text;",
            "DROP TYPE mood;",
            "CREATE TYPE mood AS ENUM ('ok', 'fine');",
            "ALTER TABLE people ALTER COLUMN m SET DEFAULT 'ok'::mood;",
            "ALTER TABLE people ALTER COLUMN m SET DATA TYPE mood USING m::mood;",
        ),
        halves=True,
    ),
    *both(
        "concurrently",
        TABLE,
        "CREATE INDEX CONCURRENTLY users_email ON users (email);",
        "SELECT 1;",
        word="better",
    ),
    *both(
        "begin-and-commit-in-one-piece", TABLE, f"BEGIN;\n{NOT_VALID}\nCOMMIT;", "ALTER TABLE users ADD COLUMN a int;"
    ),
    *both(
        "commit-before-concurrently",
        TABLE,
        texts("COMMIT;", "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON users (email);"),
    ),
    *both(
        "commit-before-a-failure",
        TABLE,
        texts("ALTER TABLE users ADD COLUMN a int;", "COMMIT;", "BEGIN;", "INSERT INTO nowhere VALUES (1);"),
    ),
    *both(
        "rollback-in-a-file",
        TABLE,
        texts("CREATE TABLE lost (id int);", "ROLLBACK;"),
        "CREATE TABLE kept (id int);",
        word="better",
    ),
    *both(
        "savepoints",
        texts(TABLE, "SAVEPOINT one;", "CREATE TABLE undone (id int);", "ROLLBACK TO one;", "RELEASE one;"),
        "SAVEPOINT two; CREATE TABLE kept (id int); RELEASE two;",
        halves=True,
    ),
    *both(
        "a-search-path-of-the-connection",
        texts("CREATE SCHEMA shop;", TABLE.replace('"users"', '"shop"."users"')),
        "ALTER TABLE users ADD COLUMN a int;",
        halves=True,
    ),
    *both(
        "own-timeouts",
        texts("SET lock_timeout = '5s';", "SET statement_timeout = '10min';", TABLE),
        texts("SET LOCAL lock_timeout = '1s';", NOT_VALID, "ALTER TABLE users VALIDATE CONSTRAINT short;"),
        halves=True,
    ),
    *both(
        "a-path-of-its-own", texts("CREATE SCHEMA shop;", "SET search_path TO shop;", TABLE), "SELECT 1;", halves=True
    ),
    *both("a-dump-as-the-first-file", texts("SELECT pg_catalog.set_config('search_path', '', false);", IN_PUBLIC)),
    *both("copy-from-stdin", TABLE, "COPY users (email) FROM stdin;\na@example.org\n\\.\n"),
    *both("a-psql-command", TABLE, "\\echo hello\nSELECT 1;"),
    *both("byte-order-mark", TABLE, "\ufeffSELECT 1;"),
    *both("nul", TABLE, "SELECT 'a\x00b';"),
    *both("marker-in-a-literal", TABLE, "INSERT INTO users (email) VALUES ('a --> statement-breakpoint b');"),
    *both("drops-the-ledger", TABLE, "DROP SCHEMA drizzle CASCADE;"),
    *both("writes-the-ledger", TABLE, "DELETE FROM drizzle.__drizzle_migrations;", word="better"),
    *both("a-role-for-the-rest", texts(TABLE, "SET ROLE pg_read_all_data;"), "SELECT 1;"),
    *both("everything-fails-at-the-first", "SELECT * FROM nowhere;", TABLE),
    Sample("three-hundred", 0, BIG, halves=True),
    Sample(
        "silently-skipped-in-steps",
        0,
        (
            Step("0000_users", TABLE, when=FIRST_WHEN),
            Step("0001_hand_made", "ALTER TABLE users ADD COLUMN a int;", when=FIRST_WHEN + 9000),
            Step("0002_branch", "ALTER TABLE users ADD COLUMN b int;", when=FIRST_WHEN + 5000),
            Step("0003_last", "ALTER TABLE users ADD COLUMN c int;", when=FIRST_WHEN + 9500),
        ),
        halves=True,
    ),
)
