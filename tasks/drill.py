"""The drill: the newest stored backup is proved again, and the way back is walked with it, on a scratch server only."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from config.policy import Policy
from config.settings import Settings
from tasks.backups import find_backup, list_backups, unreadable_backups
from tasks.clients.directory_store import DirectoryStore
from tasks.clients.object_store import ObjectStore
from tasks.clients.owned_folder import temporary_folder
from tasks.drills import keep
from tasks.gate.drill import Drill
from tasks.gate.errors import ConfigurationError, GateError, Refused
from tasks.gate.manifest import Manifest
from tasks.gate.names import failed_name
from tasks.gate.redaction import redacted, secrets_of
from tasks.gate.wording import count, duration
from tasks.record import Record, new_owner
from tasks.release import Release
from tasks.restore_beside import restore_beside
from tasks.steps.back_up import RESTORED, prove_on
from tasks.swap import Swapped, swap
from tasks.workshop import Workshop

MAINTENANCE = "postgres"  # what every scratch server has, whatever production's is called


class Shown(NamedTuple):
    """Where the drill speaks."""

    say: Callable[[str], None]
    progress: Callable[[str], None]


def drill(settings: Settings, policy: Policy, store: ObjectStore, shown: Shown) -> Drill:
    """Hold a drill and keep its outcome in the store; production is neither needed nor touched.

    Args:
        settings: target, store and scratch server.
        policy: as for a release.
        store: where the backups are.
        shown: told sentences and figures.

    Returns:
        The outcome; a backup that does not hold is an outcome, not an error.

    Raises:
        ConfigurationError: the drill could not be held at all: no store, no programs, no scratch server.
    """
    began = time.monotonic()
    backup = ""
    try:
        manifest = _newest(store, settings.target)
        backup = manifest.id
        sentence, hint, held = _hold(settings, policy, store, manifest, shown), "", True
    except ConfigurationError:
        raise
    except GateError as error:
        sentence, hint, held = redacted(error.message, secrets_of(settings)), error.hint, False
    outcome = Drill(
        target=settings.target,
        at=datetime.now(UTC).isoformat(),
        held=held,
        sentence=sentence,
        hint=hint,
        backup=backup,
        seconds=round(time.monotonic() - began, 3),
    )
    keep(store, outcome)
    return outcome


def _newest(store: ObjectStore, target: str) -> Manifest:
    """The newest backup that was finished, whether or not it was ever proved.

    Raises:
        Refused: there is none, or its manifest cannot be trusted.
    """
    known = [(manifest.id, "") for manifest, _ in list_backups(store, target)] + unreadable_backups(store, target)
    if not known:
        raise Refused(f"target {target} has no backup in {store.describe()}", hint="gate backup takes one")
    backup, reason = max(known)
    if reason:
        raise Refused(reason, hint="gate backup takes another one; find out who may write to the store")
    return find_backup(store, target, backup)


def _hold(settings: Settings, policy: Policy, store: ObjectStore, manifest: Manifest, shown: Shown) -> str:
    with Workshop(settings, policy, manifest.identity) as workshop:
        proof = prove_on(workshop, store, manifest, shown.progress)
        equal = f"{count(proof.tables, 'table')} and {count(proof.rows, 'row')} equal"
        proved = f"{manifest.id} restores in {duration(proof.restore_seconds)}, {equal}"
        shown.say(proved)
        if manifest.foreign_servers:  # a copy that is not silenced could reach them
            return f"{proved}; the swap was not tried, because it has foreign servers"
        swapped = _walk_the_way_back(settings, policy, store, manifest, workshop, shown)
        return f"{proved}; {_way_back(swapped)}"


def _walk_the_way_back(
    settings: Settings, policy: Policy, store: ObjectStore, manifest: Manifest, workshop: Workshop, shown: Shown
) -> Swapped:
    """Restore beside and swap, with the proved copy in production's place; the record of it goes with the folder."""
    scratch = workshop.scratch
    with temporary_folder("drill") as folder:
        name = f"drill-{secrets.token_hex(3)}"
        there = settings.model_copy(update={"production_url": scratch.database_url(RESTORED)})
        recovery = policy.recovery.model_copy(update={"maintenance_database": MAINTENANCE})
        record = Record(DirectoryStore(folder / "record"), settings.target, name, owner=new_owner())
        record.append("opened", {"by": "drill", "door": "drill"})
        release = Release(
            id=name,
            settings=there,
            policy=policy.model_copy(update={"recovery": recovery}),
            store=store,
            record=record,
            say=shown.say,
            progress=shown.progress,
        )
        beside = restore_beside(release, manifest, workshop.programs, made=scratch.is_ours)
        aside = failed_name(RESTORED, name)
        scratch.made.append(aside)
        return swap(release, beside, RESTORED, aside)


def _way_back(swapped: Swapped) -> str:
    return f"restored beside a copy and swapped in, {duration(swapped.gap_seconds)} without connections"
