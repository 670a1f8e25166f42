"""What a public history takes for granted: roles, schemas of a platform, extensions; made before the comparison begins.

Both tools get the same, so the comparison stays one. What was made is said beside the verdict.
"""

import re
from collections.abc import Mapping
from pathlib import Path

ROUNDS = 60  # a history that still lacks something then is compared as it fails

PLATFORM = """
do $$ begin
  create role anon; create role authenticated; create role service_role; create role supabase_admin;
exception when duplicate_object then null; end $$;
create schema if not exists extensions;
create schema if not exists auth;
create table if not exists auth.users (id uuid primary key default gen_random_uuid(), email text unique, phone text,
  aud text, role text, raw_app_meta_data jsonb, raw_user_meta_data jsonb, encrypted_password text,
  email_confirmed_at timestamptz, last_sign_in_at timestamptz, created_at timestamptz default now(),
  updated_at timestamptz default now(), deleted_at timestamptz, is_anonymous boolean default false);
create or replace function auth.uid() returns uuid language sql stable as $$ select null::uuid $$;
create or replace function auth.role() returns text language sql stable as $$ select 'anon' $$;
create or replace function auth.email() returns text language sql stable as $$ select null::text $$;
create or replace function auth.jwt() returns jsonb language sql stable as $$ select '{}'::jsonb $$;
create schema if not exists storage;
create table if not exists storage.buckets (id text primary key, name text, owner uuid, public boolean default false,
  file_size_limit bigint, allowed_mime_types text[], created_at timestamptz default now());
create table if not exists storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text, name text,
  owner uuid, metadata jsonb, created_at timestamptz default now(), updated_at timestamptz default now());
create or replace function storage.foldername(name text) returns text[] language sql immutable
  as $$ select string_to_array(name, '/') $$;
create or replace function storage.filename(name text) returns text language sql immutable as $$ select name $$;
do $$ begin create publication supabase_realtime; exception when duplicate_object then null; end $$
"""
PLATFORM_WORDS = ("auth.", "storage.", '"auth"', '"storage"', "anon", "authenticated", "service_role", "supabase")

# Functions, types, operator classes and access methods by which an extension is missed.
EXTENSIONS = {
    "vector": ("vector", "halfvec", "sparsevec", "hnsw", "ivfflat", "vector_l2_ops", "vector_cosine_ops"),
    "pg_trgm": ("gin_trgm_ops", "gist_trgm_ops", "similarity", "word_similarity", "show_trgm"),
    "pgcrypto": ("digest", "hmac", "crypt", "gen_salt", "gen_random_bytes", "pgp_sym_encrypt", "pgp_sym_decrypt"),
    "uuid-ossp": ("uuid_generate_v1", "uuid_generate_v4", "uuid_generate_v5"),
    "unaccent": ("unaccent",),
    "citext": ("citext",),
    "hstore": ("hstore",),
    "ltree": ("ltree", "lquery"),
    "cube": ("cube",),
    "fuzzystrmatch": ("levenshtein", "soundex", "metaphone"),
    "btree_gist": ('access method "gist"',),
    "btree_gin": ('access method "gin"',),
}
# Stand-ins where this machine's PostgreSQL was built without them: the names are there, what they compute is not.
STAND_INS = {
    "uuid-ossp": """
        create function uuid_generate_v4() returns uuid language sql volatile as 'select gen_random_uuid()';
        create function uuid_generate_v1() returns uuid language sql volatile as 'select gen_random_uuid()';
        create function uuid_generate_v1mc() returns uuid language sql volatile as 'select gen_random_uuid()';
        create function uuid_nil() returns uuid language sql immutable
          as $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;
        create function uuid_generate_v5(uuid, text) returns uuid language sql immutable
          as 'select md5($1::text||$2)::uuid';
    """,
    "pgcrypto": """
        create function digest(text, text) returns bytea language sql immutable
          as 'select sha256(convert_to($1, $$UTF8$$))';
        create function digest(bytea, text) returns bytea language sql immutable as 'select sha256($1)';
        create function hmac(text, text, text) returns bytea language sql immutable
          as 'select sha256(convert_to($1 || $2, $$UTF8$$))';
        create function gen_salt(text) returns text language sql volatile as 'select gen_random_uuid()::text';
        create function gen_salt(text, int) returns text language sql volatile as 'select gen_random_uuid()::text';
        create function crypt(text, text) returns text language sql immutable as 'select md5($1 || $2)';
        create function gen_random_bytes(int) returns bytea language sql volatile
          as 'select substr(sha256(convert_to(gen_random_uuid()::text, $$UTF8$$)), 1, least($1, 32))';
        create function pgp_sym_encrypt(text, text) returns bytea language sql immutable
          as 'select convert_to($1, $$UTF8$$)';
        create function pgp_sym_decrypt(bytea, text) returns text language sql immutable
          as 'select convert_from($1, $$UTF8$$)';
    """,
}
# Databases of one comparison may exist at the same time, and roles are the whole cluster's.
CREATE_ROLE = (
    "do $$ begin execute format('create role %I', '{name}'); exception when duplicate_object then null; end $$"
)
CREATE_EXTENSION = re.compile(r"create\s+extension\s+(?:if\s+not\s+exists\s+)?\"?([\w-]+)\"?", re.IGNORECASE)


def stand_ins(folders: Mapping[str, str], available: set[str], place: Path) -> set[str]:
    """Write a control file and a script for every extension that a text creates and the server lacks.

    Args:
        folders: the SQL of the folders.
        available: what the server has.
        place: a folder of ours; its `extension` folder goes into `extension_control_path`.
    """
    wanted = {name for text in folders.values() for name in CREATE_EXTENSION.findall(text)} | set(STAND_INS)
    (place / "extension").mkdir(parents=True, exist_ok=True)
    for name in wanted - available:
        control = "comment = 'a stand-in for comparing'\ndefault_version = '1'\nrelocatable = true\ntrusted = true\n"
        (place / "extension" / f"{name}.control").write_text(control)
        (place / "extension" / f"{name}--1.sql").write_text(STAND_INS.get(name, "select 1;"))
    return wanted - available


def remedy(code: str, said: str, text: str = "") -> str | None:
    """SQL that makes what a failure misses; None when it misses nothing that can be made.

    Args:
        code: SQLSTATE.
        said: the server's message.
        text: the SQL of the folder: a table that it makes in one schema may be meant where none is named.
    """
    if code in ("42704", "3F000", "42P01", "42883") and any(word in said for word in PLATFORM_WORDS):
        return PLATFORM
    if code == "42704" and (role := re.search(r'role "(.+)" does not exist', said)):
        return CREATE_ROLE.format(name=role[1].replace("'", "''"))
    if code == "3F000" and (schema := re.search(r'schema "(.+)" does not exist', said)):
        return f'create schema if not exists "{schema[1]}"'
    if code in ("42704", "42883"):
        for extension, names in EXTENSIONS.items():
            if any(re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", said) for name in names):
                return f'create extension if not exists "{extension}"'
    if code in ("42P01", "42704") and (missing := re.search(r'(?:relation|type) "([^".]+)" does not exist', said)):
        return _search_path(missing[1], text)
    return None


def _search_path(name: str, text: str) -> str | None:
    """The schema in which the folder makes what it names without one, as connections of its project would find it."""
    made = re.compile(
        rf"create\s+(?:table|type|view|materialized\s+view)\s+(?:if\s+not\s+exists\s+)?\"?(\w+)\"?\.\"?{re.escape(name)}\"?\b",
        re.IGNORECASE,
    )
    schemas = set(made.findall(text)) - {"public"}
    if len(schemas) != 1:
        return None
    path = f"'alter database %I set search_path = \"$user\", public, %I', current_database(), '{schemas.pop()}'"
    return f"do $$ begin execute format({path}); end $$"


def words(text: str) -> str:
    """What was made, for the line of the folder."""
    if made := re.search(r"'create role %I', '(.+)'\)", text):
        return f'role "{made[1]}"'
    return "a stand-in for Supabase's schemas and roles" if text is PLATFORM else text
