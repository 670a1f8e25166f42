"""Starts a release on the Prefect server: once per commit and target, with the very files that are checked out here."""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from config.settings import Settings
from flows.ci import ci_job
from flows.prefect_rest import START_PATIENCE_SECONDS, PrefectApi
from tasks import bundle
from tasks.authors import authors_here
from tasks.clients import git
from tasks.clients.object_store import ObjectStore
from tasks.clients.patience import while_away
from tasks.clients.stores import open_store
from tasks.gate.bundle import describe
from tasks.gate.errors import ConfigurationError
from tasks.gate.evidence import Waiver
from tasks.gate.following import ENDED
from tasks.tool import tool_of

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MOST_ATTEMPTS = 50


class Started(NamedTuple):
    """A run on the Prefect server."""

    api: PrefectApi
    run: str
    commit: str  # empty outside of a repository
    store: ObjectStore | None  # None where this machine is not told where the records are


def start(settings: Settings, waivers: Sequence[Waiver], *, by: str, commit: str, key: str, again: bool) -> Started:
    """Start the release deployment of this target, or find the run that the same commit started before.

    Args:
        settings: target and folders; the store's URL where the files and the record should go through it.
        waivers: checks that may fail.
        by: who starts it.
        commit: the commit to release; CI's own, or the one that is checked out, when empty.
        key: makes the run unique instead of the commit.
        again: start anew when the earlier run of this commit ended without success.

    A store or a Prefect server that is away is asked again for a minute: both may start again at this moment.

    Raises:
        ConfigurationError: no Prefect server, store, deployment or folder; a commit that is none.
        Refused: the folder cannot travel.
    """
    from flows.engine import prefect_api

    url = prefect_api()
    if not url:
        raise ConfigurationError("no Prefect API is configured", hint="export PREFECT_API_URL=http://host:4200/api")
    commit = _commit(commit, settings.migrations)
    tool_of(settings).read_folder(settings.migrations)  # a wrong folder is a slip of the pen, and starts nothing
    files = bundle.read_files(settings)
    sent = describe(files, commit)
    if sent.files:  # what is too much to name is too much to say the authors of
        sent = sent.model_copy(update={"authors": authors_here(settings)})
    store = open_store(settings.store_address) if settings.store_url is not None else None
    if store is not None:
        while_away(lambda: bundle.keep(store, settings.target, files, sent), seconds=START_PATIENCE_SECONDS)
    elif not sent.files:
        raise ConfigurationError(
            f"{len(files):,} files are too many to name in a run's parameters",
            hint="set GATE_STORE_URL, so that they travel through the store",
        )
    parameters: dict[str, Any] = {
        "started_by": by,
        "waive": [{"check": w.check, "reason": w.reason} for w in waivers],
        "bundle": sent.model_dump(mode="json"),
    }
    api = PrefectApi(url)
    run = _run(api, f"release/{settings.target}", parameters, f"{settings.target}:{key or commit}", again=again)
    return Started(api, run, commit, store)


def starter() -> str:
    """Who starts it: the login that CI names, in the words of `[[people]]`, else the operating-system user."""
    from tasks.steps.open import operator

    job = ci_job()
    return f"{job.name}:{job.actor}" if job.actor else operator()


def _run(api: PrefectApi, deployment: str, parameters: dict[str, Any], key: str, *, again: bool) -> str:
    """The run of a key. With `again`, the first of its attempts that did not end without success."""
    key = key if not key.endswith(":") else f"{key}{secrets.token_hex(8)}"  # so that a repeated call makes one run
    run = api.start(deployment, parameters, key=key)
    for attempt in range(2, MOST_ATTEMPTS):
        state = api.state(run) if again else None
        if state is None or state.type not in ENDED or state.type == "COMPLETED":
            return run
        run = api.start(deployment, parameters, key=f"{key}:{attempt}")
    return run


def _commit(given: str, folder: Path) -> str:
    """The commit in full.

    Raises:
        ConfigurationError: what was given is no commit.
    """
    commit = (given or ci_job().commit or git.head(folder)).strip().lower()
    if commit and not COMMIT.fullmatch(commit):
        raise ConfigurationError(
            f"{commit!r} is no commit: 40 hexadecimal digits are", hint='--commit "$(git rev-parse HEAD)"'
        )
    return commit
