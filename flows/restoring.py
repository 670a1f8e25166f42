"""A restore that a person asked for: it holds the target and leaves a record, as a release does."""

from datetime import UTC, datetime

from config.policy import Policy
from config.settings import Settings
from flows.attempt import halt
from flows.checklist import Checklist, Shown
from flows.defect import unexpected
from tasks.backups import find_backup
from tasks.clients.object_store import ObjectStore
from tasks.gate.errors import GateError, Refused
from tasks.gate.manifest import Manifest
from tasks.gate.outcome import Outcome
from tasks.gate.story import HALTED
from tasks.record import Record
from tasks.release import Release
from tasks.restore_backup import refuse_another_source, refuse_what_forbids_the_swap, restore_backup
from tasks.steps import close, open
from tasks.steps.plan import touched_production
from tasks.target_log import TargetLog
from tasks.workshop import Workshop, look_at_server, production_name


def restore(
    settings: Settings,
    policy: Policy,
    store: ObjectStore,
    manifest: Manifest,
    shown: Shown,
    *,
    another_cluster: bool,
) -> tuple[Outcome, str]:
    """Restore a backup beside production, prove it, swap it in, and count what it does not hold.

    Returns:
        The outcome, and the id under which the record is kept.

    Raises:
        Busy: a release is open; it must end first.
        Refused: the backup is damaged, or of another cluster or database; production is untouched.
    """
    todo = Checklist(shown)
    identity = look_at_server(settings, policy, manifest)
    # Before anything is written: a restore that does not fit must not end, or turn into itself, a halted release.
    refuse_another_source(settings, manifest, identity.system_identifier, another_cluster=another_cluster)
    with Workshop(settings, policy, identity) as workshop:
        workshop.take_lock()
        release = _halted(settings, policy, store) or open.open_new(
            settings,
            policy,
            store,
            workshop.identity,
            by=open.operator(),
            door="restore",
            waivers=(),
            now=datetime.now(UTC),
        )
        if not another_cluster:
            open.same_target(release, workshop.identity)
        todo.follow(release)
        if touched_production(release):  # as it stands; once it is a restore, a resume goes on with nothing else
            refuse_what_forbids_the_swap(release, manifest)
        release.record.append(
            "restoring",
            {"backup": manifest.id, "another_cluster": another_cluster, "database": production_name(settings)},
        )
        try:
            return bring_back(todo, release, workshop), release.id
        except KeyboardInterrupt:
            release.record.append("noted", {"sentence": "interrupted"})
            shown.plain(f"\nINTERRUPTED: `gate resume {release.id}` finds out what was done and goes on")
            raise


def _halted(settings: Settings, policy: Policy, store: ObjectStore) -> Release | None:
    """The halted release, which the person on call ends with this restore: its own hint names the command.

    One that exchanged the names already is not ended so: its failed database holds the name that this swap needs.
    """
    current = TargetLog(store, settings.target).current()
    if current is None or not Record.exists(store, settings.target, current):
        return None
    record = Record.open(store, settings.target, current)
    if record.story().state != HALTED or record.last("swapped") is not None:
        return None
    return open.take_up(settings, policy, store, current)


def is_restore(release: Release) -> bool:
    """True when this record is of a restore, which has no plan."""
    return release.record.last("restoring") is not None


def bring_back(todo: Checklist, release: Release, workshop: Workshop) -> Outcome:
    """Do, or go on with, the restore that the record names.

    Raises:
        GateError: it did not work, and production is untouched.
    """
    wanted = release.record.last("restoring")
    assert wanted is not None
    name = production_name(release.settings)
    if (begun := wanted.body.get("database", name)) != name:
        raise Refused(
            f"this restore was begun for database {begun}, and GATE_PRODUCTION_URL names {name}",
            hint=f"let GATE_PRODUCTION_URL name {begun}, then resume",
        )
    manifest = find_backup(release.store, release.target, str(wanted.body["backup"]))
    another = bool(wanted.body["another_cluster"])
    try:
        recovery = todo.step(
            "Restore",
            lambda: restore_backup(release, manifest, workshop.programs, another_cluster=another),
            lambda r: r.sentence,
        )
    except Exception as caught:
        error = caught if isinstance(caught, GateError) else unexpected(caught)
        if touched_production(release):
            return halt(release, error, error)
        close.close_refused(release, error)  # whatever it was: a release that stays open holds the target
        todo.say("production was not touched by this restore")
        if error is caught:
            raise
        raise error from caught
    return close.close(release, Outcome(outcome="restored", sentence=recovery.sentence, exit_code=0))
