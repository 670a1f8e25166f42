"""A whole release, a restore, and each group alone, under exactly the roles of deploy/roles.sql; no superuser anywhere.

`make least-privilege` plays the first and the third act of the demo under the same roles, with its running application.
"""

import itertools
import secrets

import pytest
from pydantic import SecretStr

from flows.demo import shop
from flows.demo.acts import comes_back, ships
from flows.demo.running_application import Application
from flows.demo.servers import Servers
from flows.demo.stage import IN_PRODUCTION, IN_STAGING, Stage
from tasks.clients.child import plain_environment
from tasks.clients.embedded import EmbeddedServer
from tests.acceptance.project import ADD_NOTE, Project
from tests.servers.roles import PASSWORD, give_roles, login_in, owned_database

_numbers = itertools.count(1)


class Roles:
    """A project in which `gate` connects as the login of deploy/roles.sql; the server dies with the tests."""

    def __init__(self, project: Project, server: EmbeddedServer) -> None:
        self.project, self.server, number = project, server, next(_numbers)
        self.superuser, self.owner, self.login = project.production, f"owner_{number}", f"gate_{number}"
        project.production = owned_database(server, project.production, self.owner)

    def deploy(self) -> None:
        """From here on `gate` connects as its own login."""
        self.project.production = give_roles(self.server, self.superuser, self.owner, self.login)


@pytest.fixture
def roles(project: Project, production_server: EmbeddedServer) -> Roles:
    return Roles(project, production_server)


def test_the_roles_release_what_they_create_belongs_to_the_owner_and_no_secret_shows_anywhere(roles: Roles):
    project = roles.project
    project.ready()
    project.add("labels", ("CREATE TABLE labels (id serial PRIMARY KEY, name text);",), "DROP TABLE labels;")
    project.migrate(project.staging)
    roles.deploy()
    ended = project.gate("run", "--yes")
    assert ended.code == 0, ended.all
    owners = project.sql(roles.superuser, "select distinct tableowner from pg_tables where schemaname = 'public'")
    assert owners == [(roles.owner,)]
    release = ended.out.split("gate report ")[1].split()[0]
    shown = [ended.all, *(project.gate("report", release, form).all for form in ("--html", "--markdown", "--json"))]
    assert not [text for text in shown if PASSWORD in text]
    files = [p for p in project.home.rglob("*") if p.is_file()]
    assert [p.name for p in files if PASSWORD.encode() in p.read_bytes()] == []


@pytest.mark.long("LEAST_PRIVILEGE", "make least-privilege")
def test_the_roles_can_bring_production_back_from_its_backup(roles: Roles):
    project = roles.project
    project.begin()
    project.add("note", ADD_NOTE)
    project.migrate(project.staging)
    roles.deploy()
    before = project.contents()
    folder = project.home / "invariants"
    folder.mkdir()
    (folder / "no_notes.sql").write_text("select id from orders where note is not null limit 5")
    project.policy += f'invariants = "{folder}"\n'
    ended = project.gate("run", "--yes", "--json")
    assert (ended.code, ended.document["outcome"]) == (5, "recovered"), ended.all
    assert project.contents() == before
    again = project.sql(project.production, "select current_user")
    assert again == [(roles.owner,)], "the restored database kept what makes gate act as the owner"


@pytest.mark.long("LEAST_PRIVILEGE", "make least-privilege")
def test_who_only_watches_or_backs_up_can_do_that_and_nothing_else(roles: Roles):
    project = roles.project
    project.ready()
    roles.deploy()
    project.production = login_in(roles.server, roles.superuser, "gate_watch", f"dashboard_{roles.login}")
    assert project.gate("status", "--json").document["pending"] == ["0001_note"]
    assert project.gate("backup").code != 0
    project.production = login_in(roles.server, roles.superuser, "gate_backup", f"nightly_{roles.login}")
    taken = project.gate("backup", "--json")
    assert (taken.code, taken.document["proved"]) == (0, True), taken.all
    refused = project.gate("run", "--yes", "--json")
    assert (refused.code, refused.document["outcome"]) == (3, "refused"), refused.all


@pytest.mark.long("LEAST_PRIVILEGE", "make least-privilege")
def test_the_first_and_the_third_act_of_the_demo_play_under_these_roles():
    with Servers() as servers:
        servers.wait_for_prefect()
        project = servers.folder / "shop"
        shop.check_out(project, shop.SHIPPED_BEFORE)
        superuser = servers.production.create_database(shop.NAME)
        owned = owned_database(servers.production, superuser, "shop_owner")
        staging = servers.staging.create_database(shop.NAME)
        shop.migrate(owned, project)
        shop.fill(superuser, shop.CUSTOMERS)  # rows only, with foreign keys not checked: no right of a release
        shop.migrate(staging, project)
        shop.fill(staging, shop.STAGING_CUSTOMERS)
        password = secrets.token_urlsafe(18)
        users = [shop.let_the_application_in(url, password) for url in (superuser, staging)]
        production = give_roles(servers.production, superuser, "shop_owner", "gate")
        with Application(users[0], IN_PRODUCTION) as live, Application(users[1], IN_STAGING, idle=True) as ahead:
            environment = _environment(servers, production, staging, live, ahead)
            stage = Stage(project, environment, live, staging, hands_free=True)
            assert ships(stage, _Silent()) == 0
            assert comes_back(stage, _Silent()) == 5


def _environment(
    servers: Servers, production: SecretStr, staging: SecretStr, live: Application, ahead: Application
) -> dict[str, str]:
    return {
        **plain_environment(),
        **servers.store.environment,
        **servers.prefect.environment,
        "GATE_TARGET": shop.NAME,
        "GATE_PRODUCTION_URL": production.get_secret_value(),
        "GATE_STAGING_URL": staging.get_secret_value(),
        "GATE_STORE_URL": servers.store_url,
        "GATE_HEALTH_URL": live.health_url,
        "GATE_STAGING_HEALTH_URL": ahead.health_url,
        "GATE_WATCH_SECONDS": "2",
    }


class _Silent:
    """A teller for a story that nobody listens to."""

    def act(self, number: int, title: str) -> None:
        pass

    def tell(self, sentence: str) -> None:
        pass

    def command(self, line: str) -> None:
        pass
