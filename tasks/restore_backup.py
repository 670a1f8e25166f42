"""The last rung, and `gate restore`: a backup beside production, proved, swapped in, the difference accounted for."""

from contextlib import suppress

from tasks.accounts import snapshot, take_accounts
from tasks.clients import postgres
from tasks.clients.address import parameters
from tasks.clients.postgres import Connection
from tasks.clients.programs import Programs
from tasks.finish_swap import finish_swap, swapping_of
from tasks.gate.accounts import Accounts
from tasks.gate.errors import GateError, NotRecovered, Refused
from tasks.gate.manifest import Manifest
from tasks.gate.names import failed_name
from tasks.gate.plan import Ledger, Plan
from tasks.gate.recovery import Recovery, Rung
from tasks.gate.rehearsal import Rehearsal
from tasks.in_place import in_place, patiently
from tasks.interruption import interrupt_on_sigterm
from tasks.release import Release
from tasks.restore_beside import restore_beside
from tasks.swap import Swapped, server_session, swap
from tasks.tool import tool
from tasks.workshop import production_url


def restore_backup(
    release: Release, manifest: Manifest, programs: Programs, *, another_cluster: bool = False
) -> Recovery:
    """What `gate restore BACKUP` does: restore beside, prove, swap, account; nothing is dropped.

    Safe to run twice: a swap that was cut off is finished or undone first, and a finished one is only accounted for.

    Args:
        release: gives the id that the two databases carry; its record hears of every step.
        manifest: the backup.
        programs: pg_restore.
        another_cluster: the backup may be of another cluster, because that one is lost.

    Raises:
        Refused: the backup is not of this server, is damaged, or does not restore; production is untouched.
        SwapFailed, RestoreDiffers: production is open as before.
    """
    if (recorded := release.record.last("recovered")) is not None:
        return Recovery.model_validate(recorded.body)
    with interrupt_on_sigterm():
        swapped = finish_swap(release)
        if swapped is None:
            _refuse_another_cluster(release, manifest, another_cluster=another_cluster)
            recovery = restore_and_swap(release, manifest, programs)
        else:
            recovery = after_swap(release, swapped, None, None)
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
    url = production_url(release.settings)
    name = parameters(url)["dbname"]
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


def _refuse_another_cluster(release: Release, manifest: Manifest, *, another_cluster: bool) -> None:
    with server_session(release, "restore") as server:
        found = postgres.identity(server)
    if found.system_identifier != manifest.identity.system_identifier and not another_cluster:
        raise Refused(
            f"{manifest.id} is of cluster {manifest.identity.system_identifier}, "
            f"and production is cluster {found.system_identifier}",
            hint="check GATE_PRODUCTION_URL and GATE_TARGET; say so explicitly if that cluster is lost",
        )
