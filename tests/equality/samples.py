"""The folders of our own on which Gate and Drizzle must agree, of both generations."""

from tests.equality.generated import GENERATED
from tests.equality.habits import HABITS
from tests.equality.public import PUBLIC
from tests.equality.roles import ROLES
from tests.equality.sample import FIRST_WHEN, Sample, Step, texts

USERS = 'CREATE TABLE "users" (\n\t"id" serial PRIMARY KEY NOT NULL,\n\t"email" text NOT NULL\n);\n'
ORDERS = 'CREATE TABLE "orders" (\n\t"id" uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n\t"user_id" integer\n);\n'
FOREIGN_KEY = (
    'ALTER TABLE "orders" ADD CONSTRAINT "orders_user_id_users_id_fk" FOREIGN KEY ("user_id")'
    ' REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;'
)
INDEX = 'CREATE UNIQUE INDEX "users_email_idx" ON "users" USING btree ("email");'
FUNCTION = """CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  -- $1, %s and :name mean nothing to the migrator; neither do BEGIN and COMMIT in here
  NEW.changed := now();
  RETURN NEW;
END
$body$;"""
ATOMIC = "CREATE FUNCTION twice(n int) RETURNS int BEGIN ATOMIC SELECT n * 2; SELECT n + n; END;"
LOOP = """DO $$
BEGIN
  FOR n IN 1..3 LOOP
    EXECUTE format('INSERT INTO "notes" (body) VALUES (%L)', 'note ' || n || ' 100%');
  END LOOP;
END $$;"""

SHOP = (
    Step("0000_users", USERS),
    Step("0001_orders", texts(ORDERS, FOREIGN_KEY)),
    Step("0002_email", texts(INDEX, 'ALTER TABLE "users" ADD COLUMN "name" text DEFAULT \'\' NOT NULL;')),
)

JOURNALS = (
    Sample("shop", 0, SHOP, kit=True, halves=True),
    Sample(
        "pieces-of-every-kind",
        0,
        (
            Step("0000_many", "create table a (id int); create table b (id int);\n--> statement-breakpoint"),
            Step("0001_empty", ""),
            Step("0002_comments", texts("-- only a comment", "", ";", "  \n\n", "/* two */ ; ;")),
            Step("0003_same_line", "create table c (id int);--> statement-breakpoint create table d (id int);"),
            Step("0004_no_marker", "create table e (id int);\n-->statement-breakpoint\ncreate table f (id int);"),
            Step("0005_upper", "create table g (id int);\n--> STATEMENT-BREAKPOINT\ncreate table h (id int);"),
        ),
    ),
    Sample(
        "odd-bytes",
        0,
        (
            Step("0000_crlf", b"create table a (id int);\r\n--> statement-breakpoint\r\ncreate table b (id int);\r\n"),
            Step("0001_unicode", 'create table "größe" ("naïve" text default \'日本語 🙂\');'),
            Step("0002_invalid", b"create table c (note text default 'caf\xe9 \xff\xf0\x9f\x98');"),
            Step("0003_cut", b"-- the end is cut \xe2\x82"),
        ),
    ),
    Sample(
        "unsorted-journal",
        0,
        (
            Step("0000_first", "create table a (id int);", when=FIRST_WHEN + 5000),
            Step("0001_older", "alter table a add column b int;", when=FIRST_WHEN),
            Step("0002_newest", "alter table a add column c int;", when=FIRST_WHEN + 9000),
        ),
    ),
    Sample("odd-names", 0, SHOP, schema='my "odd" schema', table="weird %s; table", halves=True),
    Sample("in-public", 0, SHOP, schema="public", table="migrations", kit=True),
    Sample(
        "procedural",
        0,
        (
            Step(
                "0000_notes",
                "CREATE TABLE notes (id int generated always as identity, body text, changed timestamptz);",
            ),
            Step("0001_touch", texts(FUNCTION, "CREATE TRIGGER t BEFORE UPDATE ON notes EXECUTE FUNCTION touch();")),
            Step("0002_rest", texts(ATOMIC, LOOP, "UPDATE notes SET body = body || ' $1 %s :name';")),
        ),
    ),
    Sample(
        "types-and-partitions",
        0,
        (
            Step("0000_mood", "CREATE TYPE mood AS ENUM ('sad', 'ok');"),
            Step("0001_people", "CREATE TABLE people (id bigint, born date, m mood) PARTITION BY RANGE (born);"),
            Step("0002_parts", "CREATE TABLE p1 PARTITION OF people FOR VALUES FROM ('2000-01-01') TO ('2010-01-01');"),
            Step("0003_happy", "ALTER TYPE mood ADD VALUE 'happy' BEFORE 'ok';"),
            Step("0004_rows", "INSERT INTO people SELECT n, '2001-01-01', 'sad' FROM generate_series(1, 50) n;"),
            Step("0005_view", "CREATE MATERIALIZED VIEW v AS SELECT m, count(*) FROM people GROUP BY 1;"),
        ),
        halves=True,
    ),
    Sample(
        "hand-edited-journal",
        0,
        (
            Step("0000_text", "create table a (id int);", when=str(FIRST_WHEN)),
            Step("sub/0001_folder", "create table b (id int);", when=FIRST_WHEN + 1),
            Step("_none", "create table c (id int);", when=float(FIRST_WHEN + 2)),
        ),
        extra={"0009_orphan.sql": "this is not SQL", "README.md": "notes", "meta/0000_snapshot.json": "{"},
        halves=True,
    ),
    Sample(
        "search-path-of-one-run",
        0,
        (
            Step("0000_path", texts("create schema other;", "set search_path to other, public;")),
            Step("0001_lands_in_other", "create table here (id int);"),
        ),
    ),
    Sample("empty-journal", 0, ()),
    Sample(
        "fails-in-the-middle",
        0,
        (*SHOP, Step("0003_wrong", texts("create table z (id int);", "insert into nowhere values (1);"))),
    ),
    Sample(
        "fails-at-commit",
        0,
        (
            Step(
                "0000_deferred",
                "create table a (id int primary key, b int references a deferrable initially deferred);",
            ),
            Step("0001_dangling", "insert into a values (1, 2);"),
        ),
    ),
)

FOLDERS = (
    Sample(
        "shop",
        1,
        tuple(Step(f"2025060{n}120000_{step.tag[5:]}", step.text) for n, step in enumerate(SHOP, 1)),
        kit=True,
        halves=True,
    ),
    Sample(
        "one-second",
        1,
        (
            Step("20250601120000_a", "create table t (id int);"),
            Step("20250601120000_A_b", "alter table t add column c1 int;"),
            Step("20250601120000_a-b", "alter table t add column c2 int;"),
            Step("20250601120000_a_b", "alter table t add column c3 int;"),
            Step("20250601120000_B", "alter table t add column c4 int;"),
            Step("20250601120000_b", "alter table t add column c5 int;"),
            Step("20250601120000_a1", "alter table t add column c6 int;"),
        ),
    ),
    Sample(
        "overflowing-times",
        1,
        (
            Step("20260808006000_one_o_clock", "create table a (id int);"),
            Step("20260808009000_later", "create table b (id int);"),
            Step("20261399256199", "create table c (id int);"),
        ),
    ),
    Sample(
        "older-one-comes-later",
        1,
        (
            Step("20250601120000_main", "create table a (id int);"),
            Step("20250605120000_next", "create table b (id int);"),
            Step("20250603120000_branch", "create table c (id int);"),
            Step("20250604120000_same_text", "-- Custom SQL migration file, put your code below! --\n"),
            Step("20250602120000_same_text", "-- Custom SQL migration file, put your code below! --\n"),
        ),
        halves=True,
    ),
    Sample(
        "in-public",
        1,
        (Step("20250601120000_users", USERS), Step("20250602120000_orders", texts(ORDERS, FOREIGN_KEY))),
        schema="public",
        table="__drizzle_migrations",
        extra={
            "rollback/rollback_20250601_120000_users.sql": "drop table users;",
            "20250603120000_no_sql/snapshot.json": "{}",
            "notes.txt": "x",
        },
    ),
    Sample(
        "odd-bytes",
        1,
        (
            Step("20250601120000_crlf", b"create table a (id int);\r\n--> statement-breakpoint\r\nselect 1;\r\n"),
            Step("20250602120000_invalid", b"create table c (note text default 'caf\xe9');"),
            Step("20250603120000_procedural", texts("create table notes (id int, body text);", FUNCTION, LOOP)),
        ),
        schema="Other",
        kit=True,
        halves=True,
    ),
    Sample(
        "fails-in-the-middle",
        1,
        (
            Step("20250601120000_users", USERS),
            Step("20250602120000_wrong", texts(ORDERS, "alter table nowhere add column a int;")),
        ),
    ),
)

SAMPLES = (*JOURNALS, *FOLDERS, *PUBLIC, *HABITS, *ROLES, *GENERATED)
# What every run of the tests compares on; `make equality` takes all.
IN_SHORT = {"shop", "pieces-of-every-kind", "one-second"}
SLICE = tuple(sample for sample in (*JOURNALS, *FOLDERS) if sample.name in IN_SHORT)
