"""What is said about a connection that cannot be: the cause, the place, the remedy, and never the password."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.embedded import EmbeddedServer
from tasks.gate.errors import ConfigurationError
from tests.servers.postgres import changed, login_role

CANARY = "c4n4ry-p4ss:w@rd/%"


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
    with login_role(production_server, "asleep", login=False) as password:
        error = failure(changed(production, user="asleep", password=password))
    assert error.message.endswith("role asleep is not allowed to log in")


def test_the_role_may_not_connect_to_this_database(production: SecretStr, production_server: EmbeddedServer):
    database = production.get_secret_value().rpartition("/")[2]
    with login_role(production_server, "outsider") as password:
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
    with login_role(production_server, "lonely") as password:
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
