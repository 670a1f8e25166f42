"""The doctor's questions to everything that is not PostgreSQL: settings, folder, store, Prefect."""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import httpx

from tasks.clients.health import ask_health, shown
from tasks.clients.stores import proves_conditional_writes
from tasks.doctor_bench import Bench
from tasks.doctor_servers import SKEW_S
from tasks.gate.wording import count, duration, listing
from tasks.preflight.check import Answer, Check, failed, not_configured, passed, warned
from tasks.preflight.team_commands import command_checks
from tasks.tool import tool_of

TIMEOUT_S = 5.0
AWS = "https://s3.amazonaws.com"


def settings(bench: Bench) -> Answer:
    """Say what is set, without its value, and hold the policy's names against each other."""
    found = bench.settings
    command_checks(bench.policy.checks.command, ())
    names = ["production_url", "staging_url", "store_url", "scratch_url", "pg_bin", "health_url", "staging_health_url"]
    lines = [f"GATE_{n.upper()} is {'set' if getattr(found, n) is not None else 'not set'}" for n in names]
    policy = f"policy from {found.policy_file}" if found.policy_file.exists() else "no gate.toml, so safe defaults"
    if found.production_url is None:
        return failed(
            "GATE_PRODUCTION_URL is not set",
            lines,
            hint="export GATE_PRODUCTION_URL=postgresql://user:password@host:5432/database",
        )
    return passed(f"target {found.target}, {policy}", lines)


def migrations(bench: Bench) -> Answer:
    """Read the folder of migrations as the plan will."""
    folder = tool_of(bench.settings).read_folder(bench.settings.migrations)
    if not folder.migrations:
        return warned(f"{folder.path} holds no migration", hint="generate one, or set GATE_MIGRATIONS")
    sentence = f"{count(len(folder.migrations), 'migration')} in {folder.path} ({folder.tool})"
    if folder.orphans:
        return warned(
            f"{sentence}; {folder.tool} ignores {listing(folder.orphans)}",
            folder.orphans,
            hint="delete them, or generate them anew so that the journal names them",
        )
    return passed(sentence)


def store(bench: Bench) -> Answer:
    """Write, try to write again, read, delete: everything the record and the backups stand on."""
    opened = bench.store()
    began = time.monotonic()
    if not proves_conditional_writes(opened, f"{bench.settings.target}/doctor/"):
        return failed(
            f"{opened.describe()} overwrites an object that was to be created only if absent (If-None-Match: *)",
            hint="use a store that honours conditional writes: two releases could both hold the target",
        )
    left = list(opened.keys(f"{bench.settings.target}/doctor/"))
    if left:
        return failed(
            f"{opened.describe()} did not delete {left[0].key}",
            hint="allow s3:DeleteObject: what a killed backup leaves has to be swept",
        )
    took = duration(time.monotonic() - began)
    return passed(f"{opened.describe()} writes, refuses to overwrite, reads and deletes, in {took}")


def store_clock(bench: Bench) -> Answer:
    """Compare this machine's clock with the store's Date header; S3 refuses signatures that are off by 15 minutes."""
    address = urlsplit(bench.settings.store_address)
    if address.scheme != "s3":
        return passed("the store is a directory on this machine")
    endpoint = parse_qs(address.query).get("endpoint_url", [AWS])[0]
    try:
        answer = httpx.head(endpoint, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        there = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError, TypeError):
        return not_configured(f"{shown(endpoint)} does not say what time it is")
    skew = abs((datetime.now(UTC) - there.astimezone(UTC)).total_seconds())
    if skew > SKEW_S:
        return warned(
            f"this machine's clock and the store's are {duration(skew)} apart",
            hint="synchronise this machine with NTP: a signature that is 15 minutes off is refused",
        )
    return passed("this machine's clock and the store's agree")


def prefect(bench: Bench) -> Answer:
    """Ask the Prefect API whether it is well; without one the same flow runs by itself."""
    url = bench.environment.get("PREFECT_API_URL", "").rstrip("/")
    if not url:
        return not_configured("no Prefect server is set: releases run without one", hint="set PREFECT_API_URL")
    answer = ask_health(f"{url}/health", timeout_s=TIMEOUT_S)
    if answer.ok:
        return passed(answer.sentence)
    return failed(answer.sentence, hint="start it with `prefect server start`, or unset PREFECT_API_URL")


SETTINGS = Check("settings", "The settings can be used", settings)
MIGRATIONS = Check("migrations", "The migrations can be read", migrations)
STORE = Check("store", "The store keeps its promises", store)
STORE_CLOCK = Check("store-clock", "The store's clock agrees", store_clock)
PREFECT = Check("prefect", "The Prefect server answers", prefect)
