"""Connections: what they are called, how long they wait, and which database they say they are in."""

import os
import subprocess
import sys
import time

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import ConfigurationError
from tests.servers.postgres import changed, login_role

SHOWN = ("application_name", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def test_a_connection_says_who_it_is_and_how_long_it_waits(production: SecretStr):
    with postgres.connect(production, purpose="plan", lock_timeout_ms=700, statement_timeout_ms=9000) as connection:
        shown = [connection.execute(f"show {name}").fetchone()[0] for name in SHOWN]
        assert shown == ["gate plan", "700ms", "9s", "1min"]
        assert connection.autocommit
        assert connection.execute("show client_encoding").fetchone() == ("UTF8",)
        assert connection.execute("show client_connection_check_interval").fetchone() == ("10s",)


def test_the_limits_win_over_the_urls_options_and_the_roles_settings(
    production: SecretStr, production_server: EmbeddedServer
):
    with login_role(production_server, "hasty") as password:
        with postgres.connect(production, purpose="test") as admin:
            admin.execute("alter role hasty set statement_timeout = '10ms'")
            admin.execute("alter role hasty set lock_timeout = 0")
        options = "-c lock_timeout=0 -c work_mem=5MB"
        url = changed(production, user="hasty", password=password, options=options, application_name="other")
        with postgres.connect(url, purpose="check") as connection:
            shown = [connection.execute(f"show {name}").fetchone()[0] for name in SHOWN]
            assert shown == ["gate check", "5s", "1min", "1min"]
            assert connection.execute("show work_mem").fetchone() == ("5MB",)


def test_a_limit_on_sessions_or_on_whole_transactions_that_the_database_was_given_ends_nothing(production: SecretStr):
    database = sql.Identifier(parameters(production)["dbname"])
    with postgres.connect(production, purpose="test") as connection:
        limits = "alter database {0} set idle_session_timeout = 100; alter database {0} set transaction_timeout = 100"
        connection.execute(sql.SQL(limits).format(database))
    with postgres.connect(production, purpose="apply") as connection:
        time.sleep(0.3)
        with connection.transaction():
            connection.execute("select pg_sleep(0.3)")


def test_a_read_only_connection_cannot_write(production: SecretStr):
    with postgres.connect(production, purpose="check", read_only=True) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table t ()")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), connection.transaction():
            connection.execute("create table t ()")


def test_a_database_that_is_read_only_by_default_stays_so(production: SecretStr):
    database = production.get_secret_value().rpartition("/")[2]
    with postgres.connect(production, purpose="test") as connection:
        protect = sql.SQL("alter database {} set default_transaction_read_only = on")
        connection.execute(protect.format(sql.Identifier(database)))
    with postgres.connect(production, purpose="apply") as connection:
        assert connection.execute("show transaction_read_only").fetchone() == ("on",)


def test_the_environment_decides_nothing_after_the_door(production: SecretStr):
    hostile = {"PGOPTIONS": "-c search_path=evil", "PGDATABASE": "evil", "PGSERVICE": "evil", "PGSSLMODE": "disable"}
    hostile |= {"PGPASSFILE": "/kept", "PGHOST": "evil.invalid", "PGAPPNAME": "evil", "PGTZ": "Asia/Tokyo"}
    script = (
        "import os, sys; from tasks.clients import postgres\n"
        "postgres.cleanse_environment(); print(sorted(k for k in os.environ if k.startswith('PG')))\n"
        "c = postgres.connect(sys.stdin.read(), purpose='x')\n"
        "print(c.execute('select current_setting($$search_path$$), current_setting($$timezone$$)').fetchone())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        input=production.get_secret_value(),
        env={**os.environ, **hostile},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == "['PGPASSFILE', 'PGSSLMODE']\n('\"$user\", public', 'UTC')\n"


def test_a_database_says_which_one_it_is(production: SecretStr, staging: SecretStr):
    with postgres.connect(production, purpose="test") as one, postgres.connect(staging, purpose="test") as other:
        here, there = postgres.identity(one), postgres.identity(other)
        assert not postgres.in_recovery(one)
    assert here.database == production.get_secret_value().rpartition("/")[2]
    assert here.system_identifier != there.system_identifier
    assert here.system_identifier.isdigit()
    assert here.timeline == 1
    assert here.major == here.server_version_num // 10000
    assert here.server_version.startswith(f"{here.major}.")
    assert not here.same_database(there)


def test_an_ordinary_role_may_ask_which_database_it_is(production: SecretStr, production_server: EmbeddedServer):
    with login_role(production_server, "asker") as password:
        url = changed(production, user="asker", password=password)
        with postgres.connect(url, purpose="test", read_only=True) as connection:
            assert postgres.identity(connection).timeline == 1


def test_a_role_that_may_not_ask_is_told_what_to_grant(production: SecretStr, production_server: EmbeddedServer):
    with login_role(production_server, "curious") as password, postgres.connect(production, purpose="test") as admin:
        admin.execute("revoke execute on function pg_control_system() from public")
        curious = changed(production, user="curious", password=password)
        with postgres.connect(curious, purpose="test") as connection, pytest.raises(ConfigurationError) as refused:
            postgres.identity(connection)
    assert "user curious may not read the identity of the server" in refused.value.message
    assert "GRANT EXECUTE ON FUNCTION pg_control_system()" in refused.value.hint


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://u:p@db.example.com/shop", "shop at db.example.com:5432"),
        ("postgres://u:p@[::1]:6000/shop?sslmode=require", "shop at [::1]:6000"),
        ("postgresql://u:p@a,b:6001/shop", "shop at a:5432,b:6001"),
        ("postgresql:///shop?host=/run/pg&user=u&password=p", "shop at the socket in /run/pg"),
        ("postgresql:///shop", "shop at the local socket (port 5432)"),
    ],
)
def test_a_url_is_described_without_its_secrets_and_pointed_elsewhere_without_loss(url, place):
    assert postgres.describe(url) == place
    before, after = parameters(url), parameters(postgres.with_database(url, "other / name?"))
    assert {**before, "dbname": "other / name?"} == after
