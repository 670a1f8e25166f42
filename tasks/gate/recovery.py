"""Which way back to take: the smallest that the evidence and the policy allow."""

from collections.abc import Sequence
from enum import StrEnum

from tasks.gate.accounts import Accounts
from tasks.gate.model import Model
from tasks.gate.production import Standing
from tasks.gate.wording import listing, size

ROOM_FACTOR = 1.1  # of the database's size: both copies exist side by side (failure-modes R9)


class Rung(StrEnum):
    """The ways back, smallest first."""

    TRANSACTION = "transaction"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    HALT = "halt"


class Circumstances(Model):
    """Everything that the choice depends on."""

    standing: Standing
    seen: str  # the sentence of the probe
    rollback_holds: bool  # the rehearsal proved the rollback SQL
    rollback_sentence: str = ""
    segments_in: int = 0
    in_segments: bool = False  # then a plan that is in by part may be taken back from a point that was rehearsed
    allow_rollback: bool = True
    rollback_failed: str = ""  # why it failed a moment ago; then it is not tried again
    backup_proved: bool
    allow_restore: bool = True
    restore_failed: str = ""
    logical_slots: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    bytes: int = 0  # of production
    free_bytes: int | None = None  # where production keeps its files; None when it cannot be seen from here


class Choice(Model):
    """The rung and why it is this one."""

    rung: Rung
    sentence: str


def choose_rung(now: Circumstances) -> Choice:
    """The first rung that holds; HALT names why each of the others does not."""
    if now.standing is Standing.UNKNOWN:
        return Choice(rung=Rung.HALT, sentence=now.seen)
    if now.standing is Standing.UNTOUCHED:
        return Choice(rung=Rung.TRANSACTION, sentence="the transaction was rolled back: nothing was committed")
    behind_our_back = now.standing is Standing.PARTLY and not now.in_segments
    not_rollback = now.seen if behind_our_back else why_not_rollback(now)
    if not not_rollback:
        return Choice(rung=Rung.ROLLBACK, sentence="the rehearsed rollback SQL is the smallest way back")
    not_restore = why_not_restore(now)
    if not not_restore:
        return Choice(rung=Rung.RESTORE, sentence=f"{not_rollback}; the proved backup is restored and swapped in")
    return Choice(rung=Rung.HALT, sentence=f"{not_rollback}, and {not_restore}")


def why_not_rollback(now: Circumstances) -> str:
    """Why the rollback SQL is out of the question; empty when it is not."""
    if now.rollback_failed:
        return f"the rollback SQL failed in production ({now.rollback_failed})"
    if not now.allow_rollback:
        return "the policy does not allow rollback SQL"
    if not now.rollback_holds:
        return now.rollback_sentence or "no rollback SQL was proved in the rehearsal"
    return ""


def why_not_restore(now: Circumstances) -> str:
    """Why the restore is out of the question; empty when it is not."""
    if now.restore_failed:
        return f"the restore failed ({now.restore_failed})"
    if not now.allow_restore:
        return "the policy does not allow a restore"
    if not now.backup_proved:
        return "there is no proved backup"
    return what_forbids_the_swap(now.logical_slots, now.subscriptions, now.bytes, now.free_bytes)


def what_forbids_the_swap(
    logical_slots: Sequence[str], subscriptions: Sequence[str], needed: int, free: int | None
) -> str:
    """Why no other database may take production's name, whoever asks for it; empty when one may.

    Args:
        logical_slots: of production.
        subscriptions: of production.
        needed: bytes of what is restored beside it.
        free: bytes where production keeps its files; None when it cannot be seen from here.
    """
    for what, names in (("logical replication slots", logical_slots), ("subscriptions", subscriptions)):
        if names:  # they belong to the database's oid and do not move with its name (failure-modes R5, facts 11-12)
            return f"{what} hang on this very database and would be lost: {listing(names)}"
    if free is not None and free < needed * ROOM_FACTOR:
        return f"there is no room beside it ({size(free)} free, {size(needed)} and a tenth needed)"
    return ""


class Recovery(Model):
    """How production was brought back."""

    rung: Rung
    sentence: str
    failed_database: str | None = None  # kept, never dropped
    accounts: Accounts | None = None
