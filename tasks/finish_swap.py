"""After a crash in the middle of a swap: finish it, or undo it, by what the server shows."""

from tasks.clients import databases
from tasks.gate.errors import NotRecovered
from tasks.gate.wording import listing
from tasks.release import Release
from tasks.swap import Swapped, Swapping, record_swapped, server_session


def finish_swap(release: Release) -> Swapped | None:
    """The swap that took place; None when none was begun, or when the one that was begun is undone now.

    The names were exchanged in one transaction, so production's name belongs to exactly one of two oids. Safe to run
    twice: it only opens what is closed and writes down what is not written.

    Raises:
        NotRecovered: production's name belongs to neither.
        ConfigurationError: the server cannot be reached.
    """
    begun = release.record.last("swapping")
    if begun is None:
        return None
    step = Swapping.model_validate(begun.body)
    done = release.record.last("swapped")
    with server_session(release, "finish swap") as server:
        holder = databases.named(server, step.name)
        exchanged = holder is not None and holder.oid == step.new_oid
        if not exchanged and (holder.oid if holder else None) != step.old_oid:
            found = [f"{holder.name} (oid {holder.oid})"] if holder else []
            raise NotRecovered(
                f"expected {step.name} to be the failed database (oid {step.old_oid}) or the restored one "
                f"(oid {step.new_oid}), found {listing(found)}",
                hint="somebody renamed databases by hand; give the right one its name, then resume",
            )
        for oid in (step.old_oid, step.new_oid):
            database = databases.numbered(server, oid) if oid else None
            if database is not None and not database.open:
                databases.allow(server, database.name, allowed=True)
                release.say(f"{database.name} was closed to connections by a swap that was cut off; it is open again")
    if not exchanged:
        return None
    if done is not None and done.number > begun.number:
        return Swapped.model_validate(done.body)
    return record_swapped(release, step, 0.0, 0)


def swapping_of(release: Release) -> Swapping:
    """The swap that the record holds."""
    event = release.record.last("swapping")
    assert event is not None, "asked only after a swap"
    return Swapping.model_validate(event.body)
