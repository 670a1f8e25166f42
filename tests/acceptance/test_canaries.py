"""A canary in every secret setting: a release and a failing one, and then each place where a secret could have gone.

`make engine-failures` runs it; the default suite looks for production's password (test_least_privilege.py).
"""

import getpass
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest
from psycopg import sql
from pydantic import SecretStr

from config.settings import SECRETS
from flows.demo.prefect_server import PrefectServer
from tasks.clients import postgres
from tasks.clients.child import connection_environment
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.programs import embedded_programs
from tasks.clients.seaweed import SeaweedServer
from tests.acceptance.prefect_runs import serving, start, state, until, watched
from tests.acceptance.project import DROP_NOTE, Project
from tests.servers import github, gitlab, roles, slack
from tests.servers.postgres import FAST, changed
from tests.servers.web import local_site

__all__ = ["watched"]  # a fixture

pytestmark = [pytest.mark.long("ENGINE_FAILURES", "make engine-failures"), pytest.mark.timeout(900)]
STAGING, SCRATCH, HEALTH = "c4nary-staging-word", "c4nary-scratch-word", "c4nary-health-token"
SOCKET = "xapp-canary-4711"
PEOPLE = f"""
[[people]]
name = "mira"
slack = "U0MIRA"
os_user = "{getpass.getuser()}"
[approval]
approvers = ["mira"]
self_approval = true
"""


def test_no_canary_is_found_anywhere_after_a_release_and_a_failing_one(
    watched: Project,
    prefect: PrefectServer,
    production_server: EmbeddedServer,
    staging_server: EmbeddedServer,
    s3_server: SeaweedServer,
    monkeypatch: pytest.MonkeyPatch,
):
    project, seen = watched, []
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    project.policy += PEOPLE
    superuser = project.production
    project.production = roles.owned_database(production_server, superuser, f"canary_owner_{os.getpid()}")
    project.ready()
    login = f"canary_gate_{os.getpid()}"
    project.production = roles.give_roles(production_server, superuser, f"canary_owner_{os.getpid()}", login)
    project.staging = _superuser(staging_server, project.staging, STAGING)
    s3_server.create_bucket("canaries")
    project.store = s3_server.url("canaries", project.home.name)
    with (
        EmbeddedServer(settings=FAST) as scratch,
        local_site() as site,
        slack.workspace() as workspace,
        github.fake_github() as hub,
        gitlab.fake_gitlab() as lab,
        _watching_processes() as processes,
    ):
        workspace.member("U0MIRA")
        secrets = {
            "GATE_SCRATCH_URL": _superuser(scratch, scratch.url(), SCRATCH).get_secret_value(),
            "GATE_SLACK_SIGNING_SECRET": slack.SIGNING_SECRET,
            "GATE_SLACK_BOT_TOKEN": slack.TOKEN,
            "GATE_SLACK_APP_TOKEN": SOCKET,
            "GATE_GITHUB_TOKEN": github.TOKEN,
            "GATE_GITHUB_WEBHOOK_SECRET": github.SECRET,
            "GATE_GITLAB_TOKEN": gitlab.TOKEN,
        }
        named = {"GATE_PRODUCTION_URL", "GATE_STAGING_URL", "GATE_STORE_URL", *secrets}
        assert named == {f"GATE_{name.upper()}" for name in SECRETS}, "a new secret wants a canary here"
        project.extra |= s3_server.environment | secrets
        project.extra |= {
            "GATE_HEALTH_URL": site.answers("/health", 200) + f"?token={HEALTH}",
            "GATE_SLACK_CHANNEL": slack.CHANNEL,
            "GATE_SLACK_API_URL": workspace.api_url,
            "GATE_GITHUB_REPOSITORY": github.REPOSITORY,
            "GATE_GITHUB_API_URL": hub.url,
            "GATE_GITLAB_PROJECT": gitlab.PROJECT,
            "GATE_GITLAB_API_URL": lab.url,
            "GATE_SERVE_LISTEN": "127.0.0.1:0",
            "PYTHONDEVMODE": "1",  # tracebacks of what nobody foresaw
        }
        seen += [_release(project, seen, fails=False), _release(project, seen, fails=True)]
        seen += [project.gate(*words, **odd).all for words, odd in _slips(project)]
        told = [
            workspace.messages,
            workspace.ephemeral,
            workspace.files,
            workspace.shared,
            workspace.calls,
            hub.statuses,
            lab.statuses,
        ]
        seen.append(repr(told))
    seen += [_dump(production_server, prefect), *_stored(s3_server, project), *_files(project.home, prefect.home)]
    canaries = [roles.PASSWORD, STAGING, SCRATCH, HEALTH, SOCKET, *(v for k, v in secrets.items() if "URL" not in k)]
    canaries.append(s3_server.environment["AWS_SECRET_ACCESS_KEY"])
    found = {c for c in canaries for text in seen if c in text}
    assert found == set()
    assert [line for line in processes if any(canary in line for canary in canaries)] == []
    assert any("pg_dump" in line for line in processes), "children were seen at all"


def _release(project: Project, seen: list[str], *, fails: bool) -> str:
    """A release through Prefect, approved at the command line; what the worker prints goes to `seen`."""
    if fails:
        (project.home / "invariants").mkdir()
        (project.home / "invariants" / "none.sql").write_text("select 1 from orders limit 1")
        line = f'invariants = "{project.home / "invariants"}"'
        project.policy = project.policy.replace("[verify]\n", f"[verify]\n{line}\n")
        project.add("more", ("ALTER TABLE orders ADD COLUMN more text;",), DROP_NOTE.replace("note", "more"))
        project.migrate(project.staging)
    with serving(project) as process:
        for pipe in (process.stdout, process.stderr):
            threading.Thread(target=_hear, args=(pipe, seen), daemon=True).start()
        run = start(project)
        until(lambda: state(project, run)["name"] == "Suspended", "the run is suspended", 120)
        release = project.waiting_release()
        said = project.gate("approve", release).all
        wanted = "recovered: " if fails else "released: "
        until(lambda: (state(project, run)["message"] or "").startswith(wanted), wanted, 120)
    reports = [project.gate("report", release, *form).all for form in ((), ("--html",), ("--json",), ("--markdown",))]
    return "\n".join([said, *reports])


def _hear(pipe: IO[str], seen: list[str]) -> None:
    with suppress(ValueError):  # closed under us at the end
        seen.extend(pipe)


def _slips(project: Project) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """Commands with settings that are wrong by a hair, and say so."""
    nowhere = project.production.get_secret_value().replace("@127.0.0.1:", "@127.0.0.1:1")
    yield ("doctor",), {}
    yield ("status",), {}
    yield ("run", "--yes"), {"GATE_PRODUCTION_URL": nowhere}
    yield ("run", "--yes"), {"GATE_STAGING_URL": changed(project.staging, password=f"{STAGING}x").get_secret_value()}
    yield ("run", "--yes"), {"GATE_PRODUCTION_URL": project.production.get_secret_value() + "?nonsense=1"}
    yield ("plan",), {"GATE_PRODUCTION_URL": f"postgres//user:{roles.PASSWORD}@host/db"}


def _superuser(server: EmbeddedServer, url: SecretStr, password: str) -> SecretStr:
    name = f"canary_{os.getpid()}"
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
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="canaries", Prefix=project.home.name)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    objects = [client.get_object(Bucket="canaries", Key=key) for key in keys]
    return [one["Body"].read().decode(errors="replace") + json.dumps(one["Metadata"]) for one in objects]


def _files(*folders: Path) -> list[str]:
    return [p.read_bytes().decode(errors="replace") for f in folders for p in f.rglob("*") if p.is_file()]
