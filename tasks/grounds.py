"""What a pull request is rehearsed on: production's newest proved backup, or what the base's migrations make."""

from enum import StrEnum
from typing import NamedTuple

from config.settings import Settings
from tasks.backups import newest_proved
from tasks.clients.object_store import ObjectStore
from tasks.clients.stores import open_store
from tasks.gate.errors import ConfigurationError, GateError, Refused
from tasks.gate.manifest import Manifest, Proof


class Wish(StrEnum):
    """Which of the two is wanted."""

    AUTO = "auto"  # the backup where there is one, else empty; the answer says which
    BACKUP = "backup"
    EMPTY = "empty"


class Ground(NamedTuple):
    """A backup to restore; None, with the reason, when the migrations of the base have to do."""

    stored: tuple[ObjectStore, Manifest, Proof] | None
    why: str = ""
    insists: bool = False  # the backup or nothing

    @property
    def major(self) -> int | None:
        """The version that it must be rehearsed with; None when any will do."""
        return self.stored[1].identity.major if self.stored else None


def choose_ground(settings: Settings, wish: Wish) -> Ground:
    """Look for the newest proved backup of the target; only its manifest and its proof are read.

    Raises:
        ConfigurationError: the backup was asked for, and no store is set or it cannot be read.
        Refused: the backup was asked for, and there is none.
    """
    if wish is Wish.EMPTY:
        return Ground(None)
    if settings.store_url is None:
        if wish is Wish.BACKUP:
            raise ConfigurationError(
                "the rehearsal is to stand on a backup, and GATE_STORE_URL is not set",
                hint="set it, or rehearse with `--rehearse empty`",
            )
        return Ground(None)
    try:
        return _newest(settings, insists=wish is Wish.BACKUP)
    except GateError as error:
        if wish is Wish.BACKUP:
            raise
        return Ground(None, why=error.message)


def _newest(settings: Settings, *, insists: bool) -> Ground:
    store = open_store(settings.store_address)
    found = newest_proved(store, settings.target)
    if found is None:
        raise Refused(
            f"{store.describe()} holds no proved backup of {settings.target}",
            hint="`gate backup` takes one, `gate verify` proves one; or rehearse with `--rehearse empty`",
        )
    return Ground((store, *found), insists=insists)
