"""What lies in deploy/ is what its own tools accept, and names only what exists; what no tool here can start is linted.

hadolint, yamllint and check-jsonschema come with the development packages. promtool, nginx and systemd-analyze are
taken where the machine has them (Debian: prometheus, nginx-light, systemd).
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from config.settings import Settings
from tasks.gate.measures import measure
from tests.servers.left_out import program
from tests.servers.roles import ROLES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
FILES = sorted(p for p in DEPLOY.rglob("*") if p.is_file())


def _run(*argv: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_hadolint_finds_nothing_in_the_dockerfile():
    assert _run(BIN / "hadolint", DEPLOY / "Dockerfile") == ""


def test_every_yaml_file_is_well_formed():
    _run(BIN / "yamllint", "--strict", "deploy")


def test_the_published_schema_of_compose_holds():
    _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


@pytest.mark.program("promtool")
def test_promtool_accepts_the_alerts():
    assert "SUCCESS" in _run(program("promtool"), "check", "rules", DEPLOY / "alerts.yaml")


def test_alerts_ask_only_for_figures_that_are_measured_and_all_say_what_to_do():
    known = set(re.findall(r"gate_[a-z_]+", (ROOT / "docs" / "metrics.md").read_text()))
    own = measure("shop", outcomes={}, told=(), current=None, proved=None, drill=None)
    assert {f"{m.name}_total" if m.kind == "counter" else m.name for m in own} <= known
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
    for rule in rules:
        assert set(re.findall(r"gate_[a-z_]+", rule["expr"])) <= known, rule["alert"]
        assert rule["annotations"]["do"]
        assert rule["labels"]["severity"] in {"page", "ticket", "notice"}
        assert set(re.findall(r"gate [a-z]+", rule["annotations"]["do"])) <= _commands()


@pytest.mark.program("systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path):
    analyze = program("systemd-analyze")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/gate/bin/gate", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    for unit in sorted(tmp_path.iterdir()):
        assert _run(analyze, "verify", unit) == ""
    score = _run(analyze, "security", "--offline=true", tmp_path / "gate.service")
    assert float(re.search(r"exposure level[^:]*: ([\d.]+)", score)[1]) < 3, score
    unit = (DEPLOY / "systemd" / "gate.service").read_text()
    assert "KillMode=mixed" in unit, "or SIGTERM reaches the runs, which are to drain"


@pytest.mark.program("nginx", "openssl")
def test_nginx_accepts_the_limits_of_the_proxy(tmp_path: Path):
    nginx, openssl = program("nginx"), program("openssl")
    key, certificate = tmp_path / "gate.key", tmp_path / "gate.pem"
    request = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=gate.example.com", "-days", "1")
    _run(openssl, *request, "-keyout", key, "-out", certificate)
    site = (DEPLOY / "nginx.conf").read_text().replace("/etc/nginx/", f"{tmp_path}/")
    assert "listen 443 ssl;" in site
    site = site.replace("listen 443", f"listen unix:{tmp_path}/s")  # `nginx -t` binds it, which only root may
    (tmp_path / "site.conf").write_text(site)
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{name}_temp_path {tmp_path}/{name};" for name in places)
    http = f"http {{ access_log off; {temporary} include {tmp_path}/site.conf; }}"  # the default is a file of root's
    whole = f"events {{}}\npid {tmp_path}/pid;\nerror_log {tmp_path}/log;\n{http}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    assert "test is successful" in _run(nginx, "-t", "-c", tmp_path / "nginx.conf")


def test_every_setting_that_is_named_exists():
    known = {f"GATE_{name.upper()}" for name in Settings.model_fields}
    for file in (f for f in FILES if f.parent.name not in {"github", "gitlab"}):  # CI has variables of its own
        found = re.findall(r"\bGATE_[A-Z_]+[A-Z]", file.read_text())
        named = {name if name in known else name.removesuffix("_FILE") for name in found}
        assert named <= known, file


def test_the_prefect_that_is_deployed_is_the_one_that_is_locked():
    locked = re.search(r"^prefect==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)[1]
    for file in ("compose.yaml", "helm/prefect-server.yaml"):
        assert f"{locked}-python" in (DEPLOY / file).read_text(), file


def test_waiting_releases_are_not_taken_for_zombies():
    expected = yaml.safe_load((DEPLOY / "zombies.yaml").read_text())["trigger"]["expect"]
    assert {"prefect.flow-run.Suspended", "prefect.flow-run.Paused"} <= set(expected)


def test_the_slack_app_asks_for_what_the_calls_need_and_for_no_more():
    manifest = json.loads((DEPLOY / "slack-manifest.json").read_text())
    needed = {"chat:write", "users:read", "groups:read", "channels:read", "files:write"}
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed
    assert manifest["settings"]["interactivity"]["request_url"].endswith("/slack/interactions")
    assert "event_subscriptions" not in manifest["settings"]


def test_no_credential_of_gates_can_remove_a_version_or_lift_the_lock():
    statements = json.loads((DEPLOY / "bucket" / "access.json").read_text())["Statement"]
    allowed = {
        a
        for s in statements
        if s["Effect"] == "Allow"
        for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    assert not allowed & {"s3:*", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"}
    denied = next(s for s in statements if s["Effect"] == "Deny")["Action"]
    assert {"s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} <= set(denied)


def test_the_readme_of_the_folder_names_every_file_of_it():
    readme = (DEPLOY / "README.md").read_text()
    for file in FILES:
        name = file.relative_to(DEPLOY)
        top = f"{name.parts[0]}/" if len(name.parts) > 1 else name.name
        assert name.name == "README.md" or f"`{top}`" in readme or f"`{name}`" in readme, name


def test_nothing_in_the_folder_is_imported():
    assert not [p for p in FILES if p.suffix == ".py"]
    assert ROLES.parent == DEPLOY


def _commands() -> set[str]:
    from flows.command_line import COMMANDS

    return {f"gate {name}" for name in COMMANDS}
