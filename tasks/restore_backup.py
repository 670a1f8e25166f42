"""The last rung, and `gate restore`: a backup beside production, proved, swapped in, the difference accounted for."""

from contextlib import suppress

import psycopg

from config.settings import Settings
from tasks.accounts import snapshot, take_accounts
from tasks.clients import databases, postgres
from tasks.clients.postgres import Connection
from tasks.clients.programs import Programs
from tasks.finish_swap import finish_swap, swapping_of
from tasks.free_space import free_bytes
from tasks.gate.accounts import Accounts
from tasks.gate.errors import GateError, NotRecovered, Refused
from tasks.gate.manifest import Manifest
from tasks.gate.names import failed_name
from tasks.gate.plan import Ledger, Plan
from tasks.gate.recovery import Recovery, Rung, what_forbids_the_swap
from tasks.gate.rehearsal import Rehearsal
from tasks.in_place import in_place, patiently
from tasks.interruption import interrupt_on_sigterm
from tasks.probe_production import OnTheDatabase, what_hangs_on
from tasks.release import Release
from tasks.restore_beside import restore_beside
from tasks.swap import Swapped, server_session, swap
from tasks.tool import tool
from tasks.workshop import production_name, production_url


def restore_backup(
    release: Release, manifest: Manifest, programs: Programs, *, another_cluster: bool = False
) -> Recovery:
    """What `gate restore BACKUP` does: restore beside, prove, swap, account; nothing is dropped.

    Safe to run twice: a swap that was cut off is finished or undone first, and a finished one is only accounted for.

    Args:
        release: gives the id that the two databases carry; its record hears of every step.
        manifest: the backup.
        programs: pg_restore.
        another_cluster: the backup may be of another cluster or database, because that one is lost.

    Raises:
        Refused: the backup is not of this database, is damaged, or does not restore, or the swap would lose more than
            rows; production is untouched.
        SwapFailed, RestoreDiffers: production is open as before.
    """
    if (recorded := release.record.last("recovered")) is not None:
        return Recovery.model_validate(recorded.body)
    try:
        with interrupt_on_sigterm():
            swapped = finish_swap(release)
            if swapped is None:
                with server_session(release, "restore") as server:
                    cluster = postgres.identity(server).system_identifier
                refuse_another_source(release.settings, manifest, cluster, another_cluster=another_cluster)
                refuse_what_forbids_the_swap(release, manifest)
                recovery = restore_and_swap(release, manifest, programs)
            else:
                recovery = after_swap(release, swapped, None, None)
    except psycopg.Error as error:  # from before the exchange: the swap gives its own errors their meaning
        said = error.diag.message_primary or "the connection was lost"
        raise GateError(
            f"production's server broke off the restore: {said}", hint="restore again when the server answers"
        ) from None
    with in_place(release):
        release.record.append("recovered", recovery)
    return recovery


def restore_and_swap(
    release: Release,
    manifest: Manifest,
    programs: Programs,
    *,
    plan: Plan | None = None,
    rehearsal: Rehearsal | None = None,
) -> Recovery:
    """Restore beside, swap, account."""
    url, name = production_url(release.settings), production_name(release.settings)
    beside = restore_beside(release, manifest, programs)
    release.say(beside.sentence)
    opened: list[Connection] = []

    def look_at_once() -> None:
        with suppress(Exception):  # it can be looked at later too, only less exactly
            opened.append(snapshot(url, name))

    swapped = swap(release, beside, name, failed_name(name, release.id), opened=look_at_once)
    release.say(swapped.sentence)
    return after_swap(release, swapped, plan, rehearsal, restored=opened[0] if opened else None)


def after_swap(
    release: Release,
    swapped: Swapped,
    plan: Plan | None,
    rehearsal: Rehearsal | None,
    *,
    restored: Connection | None = None,
) -> Recovery:
    """Show that production is the backup now, and account for what is not in it.

    Raises:
        NotRecovered: the restored database is in place, and its ledger cannot be read or is not as the plan found it.
    """
    if plan is not None:
        with in_place(release):
            _refuse_other_ledger(release, plan)
    accounts, said = _accounts(release, swapped, plan, rehearsal, restored)
    return Recovery(
        rung=Rung.RESTORE,
        sentence=f"production is as before: {swapped.sentence}; {said}",
        failed_database=swapped.failed_database,
        accounts=accounts,
    )


def _accounts(
    release: Release,
    swapped: Swapped,
    plan: Plan | None,
    rehearsal: Rehearsal | None,
    restored: Connection | None,
) -> tuple[Accounts | None, str]:
    if swapped.failed_database is None:
        return None, "there was no database of that name before"
    try:
        accounts = take_accounts(release, swapping_of(release), plan, rehearsal, restored=restored)
    except Exception as error:  # noqa: BLE001
        # Production is back, whatever this was; what is missing is a count, and the rows are kept.
        why = (
            error.message if isinstance(error, GateError) else f"the rows could not be counted: {type(error).__name__}"
        )
        return None, f"{why}; they are in {swapped.failed_database}"
    return accounts, accounts.sentence


def _refuse_other_ledger(release: Release, plan: Plan) -> None:
    def read() -> Ledger:
        with postgres.connect(production_url(release.settings), purpose="verify", read_only=True) as connection:
            return tool(plan.tool).read_ledger(connection, plan.ledger_schema, plan.ledger_table)

    ledger = patiently(read)
    if ledger.head != plan.ledger_head:
        raise NotRecovered(
            f"the backup is in place, but {plan.ledger_schema}.{plan.ledger_table} is not as the plan found it",
            hint="compare `gate status` with the folder before anything is deployed",
        )


def refuse_another_source(settings: Settings, manifest: Manifest, cluster: str, *, another_cluster: bool) -> None:
    """Refuse to give a database the content of another one by a mistaken URL.

    Args:
        settings: whose production URL names the database that the backup takes the place of.
        manifest: the backup.
        cluster: system identifier of production's server.
        another_cluster: somebody said explicitly that it is meant.

    Raises:
        Refused: the backup is of another cluster, or of a database of another name; nothing was done.
    """
    if another_cluster:
        return
    if cluster != manifest.identity.system_identifier:
        raise Refused(
            f"{manifest.id} is of cluster {manifest.identity.system_identifier}, and production is cluster {cluster}",
            hint="check GATE_PRODUCTION_URL and GATE_TARGET; `--another-cluster` says that that cluster is lost",
        )
    name = production_name(settings)
    if name != manifest.identity.database:
        raise Refused(
            f"{manifest.id} is of database {manifest.identity.database}, and GATE_PRODUCTION_URL names {name}",
            hint=f"let GATE_PRODUCTION_URL name {manifest.identity.database}; "
            f"`--another-cluster` says that {name} is to get its content all the same",
        )


def refuse_what_forbids_the_swap(release: Release, manifest: Manifest) -> None:
    """What rules the restore out for the gate itself rules it out for a person, who may not know of it at 3 a.m.

    Raises:
        Refused: logical slots or subscriptions would be lost, or there is no room; nothing was done.
    """
    url = production_url(release.settings)
    with server_session(release, "restore") as server:
        there = databases.named(server, production_name(release.settings)) is not None
    on_it = OnTheDatabase((), (), manifest.raw_bytes)
    if there:
        with postgres.connect(url, purpose="restore", read_only=True) as production:
            on_it = what_hangs_on(production)
    if why := what_forbids_the_swap(on_it.logical_slots, on_it.subscriptions, on_it.bytes, free_bytes(release)):
        raise Refused(
            f"{why}; nothing was restored",
            hint="drop the slot or the subscription, or make room, then run it again; "
            "a slot and its readers are to be set up anew after the restore",
        )
