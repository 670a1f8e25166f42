"""A project with a canary in every secret setting, and every place where one could have gone."""

import getpass
import json
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from psycopg import sql
from pydantic import SecretStr

from config.settings import SECRETS, Settings
from flows.demo.prefect_server import PrefectServer
from tasks.clients import postgres
from tasks.clients.child import connection_environment
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import embedded_programs
from tasks.clients.seaweed import SeaweedServer
from tests.acceptance.prefect_runs import serving
from tests.acceptance.project import Project
from tests.servers import github, gitlab, roles, slack
from tests.servers.postgres import FAST, changed
from tests.servers.web import local_site

STAGING, SCRATCH, SOCKET = "c4nary-staging-word", "c4nary-scratch-word", "xapp-canary-4711"
HEALTH, STAGING_HEALTH, VERSION = "c4nary-health-token", "c4nary-staging-health-token", "c4nary-version-token"
PREFECT = "c4nary-prefect-word"
MIRA = "U0MIRA"
PEOPLE = f"""
[[people]]
name = "mira"
slack = "{MIRA}"
os_user = "{getpass.getuser()}"
[approval]
approvers = ["mira"]
self_approval = true
"""


@dataclass
class Canaries:
    """The project, who stands around it, and what was said and kept so far."""

    project: Project
    prefect: PrefectServer
    production: EmbeddedServer
    store: SeaweedServer
    workspace: slack.Workspace
    hub: github.FakeGitHub
    lab: gitlab.FakeGitLab
    values: frozenset[str]
    processes: set[str]
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def serving(self, **more: str) -> Iterator[None]:
        """`gate serve`; everything that it and its runs print is seen."""
        with serving(self.project, **more) as process:
            for pipe in (process.stdout, process.stderr):
                threading.Thread(target=self._hear, args=(pipe,), daemon=True).start()
            yield

    @property
    def address(self) -> str:
        """Where the endpoint answers that was started last."""
        return re.findall(r"answering on (http://\S+);", "".join(self.seen))[-1]

    def _hear(self, pipe: IO[str]) -> None:
        with suppress(ValueError):  # closed under us at the end
            self.seen.extend(pipe)

    def found(self) -> set[str]:
        """Canaries in what was printed, told, stored, logged and kept."""
        told = [self.workspace.messages, self.workspace.ephemeral, self.workspace.files, self.workspace.shared]
        texts = [*self.seen, repr([*told, self.workspace.calls, self.hub.statuses, self.lab.statuses, self.lab.notes])]
        texts += [_dump(self.production, self.prefect), *_stored(self.store, self.project)]
        texts += _files(self.project.home, self.prefect.home)
        return {canary for canary in self.values for text in texts if canary in text}

    def in_processes(self) -> list[str]:
        """Command lines, and environments of children, that hold a canary."""
        return [line for line in self.processes if any(canary in line for canary in self.values)]


@contextmanager
def canaries(
    project: Project,
    prefect: PrefectServer,
    production_server: EmbeddedServer,
    staging_server: EmbeddedServer,
    s3_server: SeaweedServer,
) -> Iterator[Canaries]:
    """A project that is ready for a release, with a canary in each setting that may hold a secret."""
    project.policy += PEOPLE
    superuser, owner = project.production, f"canary_owner_{project.mark}"
    project.production = roles.owned_database(production_server, superuser, owner)
    project.ready()
    login = owner.replace("owner", "gate")
    project.production = roles.give_roles(production_server, superuser, owner, login)
    project.staging = _superuser(staging_server, project.staging, STAGING)
    s3_server.create_bucket("canaries")
    project.store = s3_server.url("canaries", project.mark)
    with ExitStack() as around:
        scratch = around.enter_context(EmbeddedServer(settings=FAST))
        site = around.enter_context(local_site())
        workspace = around.enter_context(slack.workspace())
        hub = around.enter_context(github.fake_github())
        lab = around.enter_context(gitlab.fake_gitlab())
        processes = around.enter_context(_watching_processes())
        workspace.member(MIRA)
        hidden = {
            "GATE_SCRATCH_URL": _superuser(scratch, scratch.url(), SCRATCH).get_secret_value(),
            "GATE_SLACK_SIGNING_SECRET": slack.SIGNING_SECRET,
            "GATE_SLACK_BOT_TOKEN": slack.TOKEN,
            "GATE_SLACK_APP_TOKEN": SOCKET,
            "GATE_GITHUB_TOKEN": github.TOKEN,
            "GATE_GITHUB_WEBHOOK_SECRET": github.SECRET,
            "GATE_GITLAB_TOKEN": gitlab.TOKEN,
        }
        addresses = {
            "GATE_HEALTH_URL": site.answers("/health", 200) + f"?token={HEALTH}",
            "GATE_STAGING_HEALTH_URL": site.answers("/staging", 200) + f"?token={STAGING_HEALTH}",
            "GATE_VERSION_URL": site.answers("/version", 200, body="1.2.3") + f"?token={VERSION}",
            "GATE_SLACK_API_URL": workspace.api_url,  # these are no secret's place: the token is beside them
            "GATE_GITHUB_API_URL": hub.url,
            "GATE_GITLAB_API_URL": lab.url,
        }
        _nothing_is_missing({"GATE_PRODUCTION_URL", "GATE_STAGING_URL", "GATE_STORE_URL", *hidden}, set(addresses))
        project.extra |= s3_server.environment | hidden | addresses
        project.extra |= {
            "GATE_EXPECTED_VERSION": "1.2.3",
            "GATE_SLACK_CHANNEL": slack.CHANNEL,
            "GATE_GITHUB_REPOSITORY": github.REPOSITORY,
            "GATE_GITLAB_PROJECT": gitlab.PROJECT,
            "GATE_SERVE_LISTEN": "127.0.0.1:0",
            "PREFECT_API_AUTH_STRING": f"admin:{PREFECT}",
            "PYTHONDEVMODE": "1",  # tracebacks of what nobody foresaw
        }
        values = {roles.PASSWORD, STAGING, SCRATCH, SOCKET, HEALTH, STAGING_HEALTH, VERSION, PREFECT}
        values |= {value for name, value in hidden.items() if "URL" not in name}
        values.add(s3_server.environment["AWS_SECRET_ACCESS_KEY"])
        found = Canaries(
            project, prefect, production_server, s3_server, workspace, hub, lab, frozenset(values), processes
        )
        yield found


def _nothing_is_missing(secrets: set[str], addresses: set[str]) -> None:
    """A new secret, or a new address that may hold one, wants a canary here."""
    fields = Settings.model_fields.items()
    typed = {f"GATE_{name.upper()}" for name, field in fields if "SecretStr" in str(field.annotation)}
    assert secrets == typed == {f"GATE_{name.upper()}" for name in SECRETS}
    public = {"GATE_SERVE_URL"}  # the address under which everybody reaches us
    assert addresses == {f"GATE_{name.upper()}" for name, _ in fields if name.endswith("_url")} - typed - public


def _superuser(server: EmbeddedServer, url: SecretStr, password: str) -> SecretStr:
    name = f"canary_{secrets.token_hex(4)}"
    with postgres.connect(server.url(), purpose="test") as connection:
        create = sql.SQL("create role {} superuser login password {}")
        connection.execute(create.format(sql.Identifier(name), sql.Literal(password)))
    return changed(url, user=name, password=password)


@contextmanager
def _watching_processes() -> Iterator[set[str]]:
    """Command lines of all processes, and environments of all that are not Python's, as they come and go."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and int(entry.name) != os.getpid():
                    try:
                        argv = (entry / "cmdline").read_bytes().decode(errors="replace")
                        python = "python" in (entry / "exe").readlink().name
                        seen.add(argv + ("" if python else (entry / "environ").read_bytes().decode(errors="replace")))
                    except OSError:
                        continue
            time.sleep(0.02)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _dump(server: EmbeddedServer, prefect: PrefectServer) -> str:
    """All that Prefect's database holds."""
    database = re.search(r"/(prefect_[0-9a-f]+)$", prefect._database)[1]
    with connection_environment(postgres.with_database(server.url(), database)) as environment:
        argv = [str(embedded_programs().directory / "pg_dump"), "--data-only"]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout


def _stored(server: SeaweedServer, project: Project) -> list[str]:
    client = server.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="canaries", Prefix=project.mark)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    objects = [client.get_object(Bucket="canaries", Key=key) for key in keys]
    return [one["Body"].read().decode(errors="replace") + json.dumps(one["Metadata"]) for one in objects]


def _files(*folders: Path) -> list[str]:
    return [p.read_bytes().decode(errors="replace") for f in folders for p in f.rglob("*") if p.is_file()]
