"""What a repair of the ledger is: one script, the rows that it leaves, and what must hold before it may run."""

from collections.abc import Iterable
from typing import NamedTuple

from tasks.gate.errors import ConfigurationError
from tasks.gate.plan import LedgerRow, Migration, Plan, Purpose

COMPARED = ("mark", "baseline")  # these say that something ran: production's schema must show it


class Offer(NamedTuple):
    """One safe remedy."""

    kind: str  # run, mark, restamp, rename, name, forget, baseline, upgrade
    tag: str  # the migration, or the row's number for `forget`; empty for the whole ledger
    title: str  # what it does: "mark 0003_x as applied"
    script: Migration
    rows: tuple[LedgerRow, ...]  # of the ledger afterwards, ids aside
    has_name: bool  # the shape of the table afterwards
    mends: frozenset[str]  # tags that are applied afterwards
    runs: Migration | None = None  # whose SQL the script holds

    @property
    def subject(self) -> str:
        """As it is typed after `gate repair`."""
        return f"{self.kind} {self.tag}".strip()


def chosen(offers: Iterable[Offer], subject: str) -> Offer:
    """The offer of that name.

    Raises:
        ConfigurationError: it is not offered; names those that are.
    """
    known = {offer.subject: offer for offer in offers}
    if subject in known:
        return known[subject]
    listed = ", ".join(f"gate repair {name}" for name in known)
    raise ConfigurationError(
        f"`gate repair {subject}` is not offered for what production's ledger holds now",
        hint=f"offered are: {listed}" if known else "nothing here can be repaired by changing the ledger alone",
    )


def is_compared(plan: Plan) -> bool:
    """True when the plan claims that migrations ran, which production's schema must show."""
    return plan.purpose is Purpose.REPAIR and plan.subject.partition(" ")[0] in COMPARED
