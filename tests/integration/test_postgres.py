"""Connections: what they are called, how long they wait, and what is said when there is none."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import ConfigurationError

CANARY = "c4n4ry-p4ss:w@rd/%"
SHOWN = ("application_name", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def changed(url: SecretStr, **parts: str) -> SecretStr:
    return make_url({**parameters(url), **parts})


def failure(url: SecretStr | str, **options) -> ConfigurationError:
    """What is said about a connection that cannot be; never with the password in it."""
    with pytest.raises(ConfigurationError) as failed:
        postgres.connect(url, purpose="test", **options)
    error = failed.value
    for text in (str(error), repr(error), repr(error.nouns), repr(error.__cause__)):
        assert CANARY not in text
        assert "c4n4ry" not in text
    assert error.__context__ is None or error.__suppress_context__
    assert error.hint
    assert "\n" not in error.message
    return error


@contextmanager
def role(server: EmbeddedServer, name: str, *, login: bool = True) -> Iterator[str]:
    password = "small"
    with postgres.connect(server.url(), purpose="test") as connection:
        kind = sql.SQL("LOGIN" if login else "NOLOGIN")
        create = sql.SQL("create role {} {} password {}")
        connection.execute(create.format(sql.Identifier(name), kind, sql.Literal(password)))
        try:
            yield password
        finally:
            connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(name)))


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """A port that is no PostgreSQL: says `answer` and closes, or stays silent."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                held.append(client)
                if answer is not None:
                    client.recv(64)
                    client.sendall(answer)
                    client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for client in held:
            client.close()


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
    with role(production_server, "hasty") as password:
        with postgres.connect(production, purpose="test") as admin:
            admin.execute("alter role hasty set statement_timeout = '10ms'")
            admin.execute("alter role hasty set lock_timeout = 0")
        options = "-c lock_timeout=0 -c work_mem=5MB"
        url = changed(production, user="hasty", password=password, options=options, application_name="other")
        with postgres.connect(url, purpose="check") as connection:
            shown = [connection.execute(f"show {name}").fetchone()[0] for name in SHOWN]
            assert shown == ["gate check", "5s", "1min", "1min"]
            assert connection.execute("show work_mem").fetchone() == ("5MB",)


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
    with role(production_server, "asker") as password:
        url = changed(production, user="asker", password=password)
        with postgres.connect(url, purpose="test", read_only=True) as connection:
            assert postgres.identity(connection).timeline == 1


def test_a_role_that_may_not_ask_is_told_what_to_grant(production: SecretStr, production_server: EmbeddedServer):
    with role(production_server, "curious") as password, postgres.connect(production, purpose="test") as admin:
        admin.execute("revoke execute on function pg_control_system() from public")
        curious = changed(production, user="curious", password=password)
        with postgres.connect(curious, purpose="test") as connection, pytest.raises(ConfigurationError) as refused:
            postgres.identity(connection)
    assert "user curious may not read the identity of the server" in refused.value.message
    assert "GRANT EXECUTE ON FUNCTION pg_control_system()" in refused.value.hint


def test_nothing_listens_there():
    error = failure(make_url({"host": "127.0.0.1", "port": "1", "user": "u", "password": CANARY, "dbname": "shop"}))
    assert error.message == "cannot connect to shop at 127.0.0.1:1: nothing listens there"
    assert "check host and port" in error.hint
    assert error.exit_code == 2


def test_the_host_is_unknown():
    error = failure(make_url({"host": "db.gate.invalid", "user": "u", "password": CANARY, "dbname": "shop"}))
    assert error.message == "cannot connect to shop at db.gate.invalid:5432: the host name is unknown"


def test_no_answer_comes_in_time():
    with listener(None) as port:
        url = make_url({"host": "127.0.0.1", "port": str(port), "user": "u", "password": CANARY, "dbname": "shop"})
        error = failure(url, connect_timeout_s=2)
    assert error.message.endswith("no answer came in time")
    assert "firewall" in error.hint


def test_something_else_answers():
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        url = make_url({"host": "127.0.0.1", "port": str(port), "user": "u", "password": CANARY, "dbname": "shop"})
        error = failure(url)
    assert error.message.endswith("what answers there is not a PostgreSQL server")
    assert "check the port" in error.hint


def test_the_server_hangs_up():
    with listener(b"") as port:
        error = failure(make_url({"host": "127.0.0.1", "port": str(port), "password": CANARY, "dbname": "shop"}))
    assert error.message.endswith("the server closed the connection")


def test_the_password_is_wrong(production: SecretStr):
    error = failure(changed(production, password=CANARY))
    assert error.message.endswith("the password was not accepted for user postgres")
    assert postgres.describe(production) in error.message


def test_a_password_is_asked_for_and_none_was_given(production: SecretStr, monkeypatch):
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    found = parameters(production)
    found.pop("password")
    error = failure(make_url(found))
    assert error.message.endswith("the server asks for a password and none was given")


def test_there_is_no_such_database(production: SecretStr):
    error = failure(production, database="No Such")
    assert "cannot connect to No Such at 127.0.0.1:" in error.message
    assert error.message.endswith("there is no database No Such on that server")


def test_there_is_no_such_role(production: SecretStr):
    # With scram the server does not tell an unknown role from a wrong password, and neither do we.
    error = failure(changed(production, user="nobody here", password=CANARY))
    assert error.message.endswith("the password was not accepted for user nobody here")


def test_the_role_may_not_log_in(production: SecretStr, production_server: EmbeddedServer):
    with role(production_server, "asleep", login=False) as password:
        error = failure(changed(production, user="asleep", password=password))
    assert error.message.endswith("role asleep is not allowed to log in")


def test_the_role_may_not_connect_to_this_database(production: SecretStr, production_server: EmbeddedServer):
    database = production.get_secret_value().rpartition("/")[2]
    with role(production_server, "outsider") as password:
        with postgres.connect(production, purpose="test") as admin:
            admin.execute(sql.SQL("revoke connect on database {} from public").format(sql.Identifier(database)))
        error = failure(changed(production, user="outsider", password=password))
    assert "user outsider may not connect to database" in error.message


def test_the_server_has_no_ssl(production: SecretStr):
    error = failure(changed(production, sslmode="require"))
    assert error.message.endswith("the server does not speak SSL, and the URL's sslmode insists on it")


def test_the_sslmode_is_unknown(production: SecretStr):
    assert failure(changed(production, sslmode="sometimes")).message.endswith("the URL's sslmode cannot be used")


def test_the_authority_file_is_missing(production: SecretStr):
    with listener(b"S") as port:
        url = changed(production, port=str(port), sslmode="verify-full", sslrootcert="/nonexistent/ca.pem")
        error = failure(url)
    assert error.message.endswith("the server's certificate could not be verified")


def test_the_server_refuses_an_option_of_the_url(production: SecretStr):
    error = failure(changed(production, options="-c no_such_setting=1"))
    assert error.message.endswith("the server refused an option of the URL")


def test_the_connection_limit_is_reached(production: SecretStr, production_server: EmbeddedServer):
    with role(production_server, "lonely") as password:
        with postgres.connect(production, purpose="test") as admin:
            admin.execute("alter role lonely connection limit 1")
        url = changed(production, user="lonely", password=password)
        with postgres.connect(url, purpose="first"):
            error = failure(url)
    assert error.message.endswith("the server has no free connection for user lonely")


def test_the_database_accepts_no_connections(production: SecretStr, production_server: EmbeddedServer):
    database = production.get_secret_value().rpartition("/")[2]
    with postgres.connect(production_server.url(), purpose="test") as admin:
        close = sql.SQL("alter database {} allow_connections {}")
        admin.execute(close.format(sql.Identifier(database), sql.SQL("false")))
        error = failure(production)
        admin.execute(close.format(sql.Identifier(database), sql.SQL("true")))
    assert "does not accept connections" in error.message
    assert "gate status" in error.hint


def test_there_is_no_socket(tmp_path):
    error = failure(make_url({"host": str(tmp_path), "user": "u", "password": CANARY, "dbname": "shop"}))
    assert error.message == f"cannot connect to shop at the socket in {tmp_path}: no server has its socket there"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"mysql://u:{CANARY}@h/d", "expected a postgresql:// URL, found one that starts with mysql://"),
        (f"host=h password={CANARY}", "expected a postgresql:// URL, found something else"),
        ("", "expected a postgresql:// URL, found something else"),
        ("postgresql://u:a b@h/d", "the database URL is malformed: it holds a space"),
        (f"postgresql://u:a@{CANARY}@h/d", "the database URL is malformed: it holds more than one @"),
        ("postgresql://u:a/c4n4ry@h/d", "the database URL is malformed: it holds a / before the @"),
        ("postgresql://u:a@h:x/d", "the database URL is malformed: its port is not a number"),
        ("postgresql://u:%zz@h/d", "the database URL is malformed"),
        ("postgresql://h/d?nonsense=1", "the database URL is malformed: an option after ? is not one that PostgreSQL"),
        ("postgresql://u@h", "the database URL for h names no database"),
        ("postgresql:///d?service=x", "the database URL names a libpq service"),
    ],
)
def test_a_url_that_cannot_be_used_is_not_quoted(url, sentence):
    error = failure(url)
    assert error.message.startswith(sentence)
    assert "postgresql://" in error.hint


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
