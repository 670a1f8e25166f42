"""A scratch server that the team named: checked first, one gate at a time, left as it was found."""

import pytest
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import make_url, parameters
from tasks.clients.configured_scratch import MARK
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.gate.errors import Busy, Refused
from tests.servers.postgres import FAST

DATABASES = "select datname from pg_database where not datistemplate order by 1"
ROLES = "select rolname from pg_roles where oid >= 16384 order by 1"


@pytest.fixture(scope="module")
def empty_server():
    """A server that holds nothing of anybody's."""
    with EmbeddedServer(settings=FAST) as server:
        yield server


def names(server: EmbeddedServer, query: str) -> list[str]:
    with postgres.connect(server.url(), purpose="test") as connection:
        return [row[0] for row in connection.execute(query)]


def use(server: EmbeddedServer, production: SecretStr | None = None, url: SecretStr | None = None) -> None:
    never = None
    if production is not None:
        with postgres.connect(production, purpose="test") as connection:
            never = postgres.identity(connection)
    with scratch_server(None, configured=url or server.url(), never=never):
        pass


def test_an_empty_server_is_used_and_left_as_it_was(empty_server: EmbeddedServer, production: SecretStr):
    with postgres.connect(production, purpose="test") as connection:
        never = postgres.identity(connection)
    with scratch_server(None, configured=empty_server.url(), never=never) as server:
        assert not server.own
        assert server.major == never.major
        work(server)
        assert names(empty_server, DATABASES) == ["copy", "postgres", "restored"]
        assert names(empty_server, ROLES) == ["owner of things"]
    assert names(empty_server, DATABASES) == ["postgres"]
    assert names(empty_server, ROLES) == []


def work(server: ScratchServer) -> None:
    with postgres.connect(server.create_database("restored"), purpose="test") as connection:
        connection.execute('create role "owner of things"; create table t (); alter table t owner to "owner of things"')
    server.create_database("copy", template="restored")


def test_what_a_killed_gate_left_there_is_dropped(empty_server: EmbeddedServer):
    empty_server.create_database("orphan")
    with postgres.connect(empty_server.url(), purpose="test") as connection:
        connection.execute(sql.SQL("comment on database orphan is {}").format(sql.Literal(MARK)))
    use(empty_server)
    assert names(empty_server, DATABASES) == ["postgres"]


def test_what_a_gate_makes_there_is_marked_as_ours(empty_server: EmbeddedServer):
    with scratch_server(None, configured=empty_server.url(), never=None) as server:
        server.create_database("marked")
        ask = "select shobj_description(oid, 'pg_database') from pg_database where datname = 'marked'"
        assert names(empty_server, ask) == [MARK]


def test_a_copy_there_has_productions_time_zone_and_not_that_of_the_teams_server(empty_server: EmbeddedServer):
    with scratch_server(None, configured=empty_server.url(), never=None) as server:
        with postgres.connect(server.url, purpose="test") as connection:
            connection.execute("alter role all set timezone = 'Asia/Tokyo'")
        try:
            for settings, zone in (({}, "UTC"), ({"TimeZone": "Europe/Berlin"}, "Europe/Berlin")):
                with postgres.connect(server.create_database("zone", settings=settings), purpose="test") as connection:
                    assert connection.execute("show timezone").fetchone() == (zone,)
                server.drop_database("zone")
        finally:
            with postgres.connect(server.url, purpose="test") as connection:
                connection.execute("alter role all reset timezone")


def test_productions_own_cluster_is_refused(production_server: EmbeddedServer, production: SecretStr):
    with pytest.raises(Refused) as refused:
        use(production_server, production)
    assert "is production's own cluster" in refused.value.message
    assert "unset it to use a throw-away cluster" in refused.value.hint


def test_a_server_with_somebodys_database_is_refused_and_keeps_it(empty_server: EmbeddedServer):
    empty_server.create_database("precious")
    try:
        with pytest.raises(Refused, match="expected an empty scratch server, found precious on postgres at "):
            use(empty_server)
        assert "precious" in names(empty_server, DATABASES)
    finally:
        empty_server.drop_database("precious")


def test_a_second_gate_waits_its_turn(empty_server: EmbeddedServer):
    with (
        scratch_server(None, configured=empty_server.url(), never=None),
        pytest.raises(Busy, match="another gate proves or rehearses on the scratch server") as busy,
    ):
        use(empty_server)
    assert busy.value.exit_code == 7


def test_a_role_without_rights_is_told_what_it_needs(empty_server: EmbeddedServer):
    with postgres.connect(empty_server.url(), purpose="test") as connection:
        connection.execute("create role small login password 'small'")
        try:
            url = make_url({**parameters(empty_server.url()), "user": "small", "password": "small"})
            with pytest.raises(Refused) as refused:
                use(empty_server, url=url)
        finally:
            connection.execute("drop role small")
    assert "role small may not create databases on the scratch server" in refused.value.message
    assert refused.value.hint == 'ALTER ROLE "small" CREATEDB CREATEROLE on that server'


def test_an_error_in_the_block_is_not_hidden_by_cleaning_up(empty_server: EmbeddedServer):
    def fail() -> None:
        with scratch_server(None, configured=empty_server.url(), never=None) as server:
            server.create_database("half")
            raise RuntimeError("first")

    with pytest.raises(RuntimeError, match="first"):
        fail()
    assert names(empty_server, DATABASES) == ["postgres"]
