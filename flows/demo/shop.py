"""The sample shop: its folder as a developer has it at each act, its databases, its rows."""

import json
import shutil
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.gate.errors import ConfigurationError
from tasks.tool import DRIZZLE

SOURCE = Path(__file__).resolve().parents[2] / "demo" / "shop"
ROWS = Path(__file__).with_name("rows.sql")
NAME = "shop"
CUSTOMERS = 12_000  # 12,000 customers, 60,000 orders, 132,000 order lines, 6,000 reviews
STAGING_CUSTOMERS = 600
LEDGER = ("drizzle", "__drizzle_migrations")
APPLICATION = "shop_app"  # the role that the application connects with: it may read and write rows, and nothing else
LIMIT_MS = 60_000

SHIPPED_BEFORE = 4  # migrations that production has before the first act
COUNT = "SELECT count(*) FROM public.{}"


def check_out(folder: Path, migrations: int) -> None:
    """Bring the project to the state that it has with so many migrations, as a checkout would.

    Args:
        folder: the project's; made when it is not there.
        migrations: how many of the folder's migrations there are at that moment.

    Raises:
        ConfigurationError: Gate was installed without its sample project.
    """
    if not (SOURCE / "drizzle" / "meta" / "_journal.json").is_file():
        raise ConfigurationError(
            f"the sample project was expected in {SOURCE} and is not there",
            hint="run the demo from a clone of the repository: make demo",
        )
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
    journal = folder / "drizzle" / "meta" / "_journal.json"
    content = json.loads(journal.read_text(encoding="utf-8"))
    for entry in content["entries"][migrations:]:
        (folder / "drizzle" / f"{entry['tag']}.sql").unlink()
        (folder / "drizzle" / "meta" / f"{entry['idx']:04d}_snapshot.json").unlink()
    content["entries"] = content["entries"][:migrations]
    journal.write_text(json.dumps(content, indent=2), encoding="utf-8")


def edit(folder: Path, number: int, old: str, new: str) -> str:
    """Change a migration's file, as a well-meaning hand does; returns its name.

    Args:
        folder: the project's.
        number: of the migration, from 0.
        old: what is replaced.
        new: what stands there then.
    """
    file = folder / "drizzle" / f"{tag(folder, number)}.sql"
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file.name} holds what the demo edits"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return file.name


def tag(folder: Path, number: int) -> str:
    """The tag of the project's migration with this number, from 0."""
    return DRIZZLE.read_folder(folder / "drizzle").migrations[number].tag


def migrate(url: SecretStr, folder: Path) -> int:
    """Apply what is pending, as the team's own pipeline does on staging; returns how many migrations ran."""
    with postgres.connect(url, purpose="demo migrate", statement_timeout_ms=LIMIT_MS) as connection:
        found, ledger = DRIZZLE.read_folder(folder / "drizzle"), DRIZZLE.read_ledger(connection, *LEDGER)
        pending = found.migrations[len(ledger.rows) :]
        if pending:
            DRIZZLE.apply(connection, generation=found.generation, schema=LEDGER[0], table=LEDGER[1], pending=pending)
        return len(pending)


def fill(url: SecretStr, customers: int) -> int:
    """Load the rows, the same ones each time; returns how many there are in all tables.

    Args:
        url: a database with the shop's first migrations.
        customers: how many of them; everything else follows.
    """
    with postgres.connect(url, purpose="demo rows", statement_timeout_ms=LIMIT_MS) as connection:
        with connection.transaction():
            psycopg.ClientCursor(connection).execute(ROWS.read_bytes(), {"customers": customers})
        connection.execute("ANALYZE")
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        counts = [connection.execute(sql.SQL(COUNT).format(sql.Identifier(name))).fetchone() for (name,) in names]
        return sum(int(row[0]) for row in counts if row)


def let_the_application_in(url: SecretStr, password: str) -> SecretStr:
    """Make the application's role and grant it what it needs; returns the URL that the application uses."""
    role = sql.Identifier(APPLICATION)
    statements = (
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role),
        sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(role),
    )
    with postgres.connect(url, purpose="demo roles") as connection:
        for statement in statements:
            connection.execute(statement)
    return make_url({**parameters(url), "user": APPLICATION, "password": password})
