"""A database's schema as text that is equal when the schema is, and the difference of two such texts."""

import difflib
import re

from pydantic import SecretStr

from tasks.clients.child import connection_environment, run
from tasks.clients.programs import Programs
from tasks.clients.statement_rows import SCHEMA as OWN_SCHEMA
from tasks.clients.statement_rows import TABLE as OWN_TABLE
from tasks.gate.errors import Refused
from tasks.gate.undo import changed

LOCK_WAIT = "--lock-wait-timeout=30s"
LIMIT_S = 600.0  # a schema that takes longer is waiting for something, in seconds

# What pg_dump writes around the schema: who dumped what, for whom, and settings of the restoring session. Function
# bodies may hold lines that begin alike, so each pattern is as narrow as pg_dump's own text.
NOISE = re.compile(
    r"""
      ^--\n--\ (?:Name|Data\ for\ Name|Statistics\ for\ Name|PostgreSQL\ database\ dump).*\n--\n
    | ^--\ Dumped\ (?:from|by)\ .*\n
    | ^\\(?:un)?restrict\ .*\n
    | ^SET\ (?:statement_timeout|lock_timeout|idle_in_transaction_session_timeout|transaction_timeout|client_encoding
        |standard_conforming_strings|check_function_bodies|xmloption|client_min_messages|row_security
        |default_tablespace|default_table_access_method|default_toast_compression|default_with_oids)\ =\ .*;\n
    # The gate's own rows of plans in segments, which are left out below, lie in a schema of their own.
    | ^CREATE\ SCHEMA\ gate;\n | ^ALTER\ SCHEMA\ gate\ OWNER\ TO\ .*;\n
    | ^SELECT\ pg_catalog\.set_config\('search_path',\ '',\ false\);\n
    # Servers from 2026-11 on number attributes; older clients write it down, and each restore changes it.
    | ^ALTER\ TABLE\ ONLY\ .*\ ALTER\ COLUMN\ .*\ SET\ \(pg_attver=\d+\);\n
    """,
    re.VERBOSE | re.MULTILINE,
)
# Addresses and passwords of foreign servers differ between environments, and belong into no record.
FOREIGN_OPTIONS = re.compile(r"^(CREATE (?:SERVER|USER MAPPING FOR) .*) OPTIONS \(\n(?:.*\n)*?\);$", re.MULTILINE)
BLANK = re.compile(r"\n{3,}")


def schema_text(
    url: SecretStr | str,
    programs: Programs,
    *,
    exclude_ledger: tuple[str, str] | None = None,
    owners: bool = False,
) -> str:
    """The schema as pg_dump writes it, without what differs between two dumps of the same schema.

    Args:
        url: the database.
        programs: pg_dump to use; texts of two versions are not comparable.
        exclude_ledger: schema and table of the migrations table, to be left out with its sequence.
        owners: say who owns and may use what; off for databases whose roles differ.

    Raises:
        Refused: pg_dump failed, or warned of something.
    """
    argv = [programs.path("pg_dump"), "--schema-only", "--no-password", "--no-subscriptions", LOCK_WAIT]
    argv.append(f"--exclude-table={_pattern(OWN_SCHEMA)}.{_pattern(OWN_TABLE)}")
    if not owners:
        argv += ["--no-owner", "--no-privileges"]
    if exclude_ledger is not None:
        schema, table = exclude_ledger
        argv += [f"--exclude-table={_pattern(schema)}.{_pattern(name)}" for name in (table, f"{table}_id_seq")]
    with connection_environment(url) as environment:
        said = run(argv, environment=environment, timeout_s=LIMIT_S)
    if said.returncode != 0:
        reason = said.stderr.strip().splitlines()[:3] or ["it said nothing"]
        raise Refused(
            f"pg_dump could not read the schema: {' '.join(reason)}",
            hint="the role needs to see every object; a lock that somebody holds for long shows in pg_stat_activity",
        )
    return normalised(said.stdout.decode("utf-8", "replace"))


def normalised(text: str) -> str:
    """The text of `pg_dump -s` without comments, session settings, restrict tokens and options of foreign servers."""
    return BLANK.sub("\n\n", FOREIGN_OPTIONS.sub(r"\1 OPTIONS (hidden);", NOISE.sub("", text))).strip() + "\n"


def schema_difference(a: str, b: str, name_a: str, name_b: str) -> tuple[str, ...]:
    """The difference of two schema texts, line by line, as `diff -u` shows it; empty when they are equal.

    Args:
        a: what is expected.
        b: what was found.
        name_a: what to call the first, for example "the rehearsed schema".
        name_b: what to call the second.
    """
    lines = difflib.unified_diff(a.splitlines(), b.splitlines(), name_a, name_b, lineterm="", n=3)
    return tuple(lines)


def changed_lines(difference: tuple[str, ...], most: int = 12) -> str:
    """The lines of a difference that only one side has, for a message; `most` of them, and how many more there are."""
    own = changed(difference)
    more = f"\n… and {len(own) - most} more lines" if len(own) > most else ""
    return "\n".join(own[:most]) + more


def _pattern(name: str) -> str:
    # Within double quotes pg_dump takes a pattern letter by letter.
    return '"' + name.replace('"', '""') + '"'
