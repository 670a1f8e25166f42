"""Step 1, open: an id, the target's identity, and the lock that only one release per target can hold."""

import os
import pwd
import secrets
import socket
from collections.abc import Sequence
from datetime import datetime

from config.policy import Policy
from config.settings import Settings
from tasks.clients.object_store import ObjectStore
from tasks.clients.stores import open_store, proves_conditional_writes
from tasks.gate.bundle import Bundle
from tasks.gate.errors import Refused
from tasks.gate.evidence import Waiver
from tasks.gate.identity import Identity
from tasks.gate.plan import Purpose
from tasks.record import Record, new_owner
from tasks.release import Release
from tasks.target_log import TargetLog


def new_id(target: str, now: datetime) -> str:
    """`YYYYMMDD-HHMMSS-<target>-<6 hex>`."""
    return f"{now:%Y%m%d-%H%M%S}-{target}-{secrets.token_hex(3)}"


def operator() -> str:
    """The operating-system user of this process, as the kernel knows them: LOGNAME and USER are anybody's to set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def open_new(
    settings: Settings,
    policy: Policy,
    store: ObjectStore,
    identity: Identity,
    *,
    by: str,
    door: str,
    waivers: Sequence[Waiver],
    now: datetime,
    flow_run: str = "",
    bundle: Bundle | None = None,
    purpose: Purpose = Purpose.RELEASE,
    subject: str = "",
) -> Release:
    """Open a release: first the target's log, which only one can win, then its own record.

    Raises:
        Refused: the store does not keep its promise of conditional writes.
        Busy: another release is open.
    """
    if not proves_conditional_writes(store, f"{settings.target}/"):
        raise Refused(
            f"the store {store.describe()} overwrites what must be created only once: it ignores If-None-Match",
            hint="use a store that honours conditional writes; nothing was changed",
        )
    release_id = new_id(settings.target, now)
    TargetLog(store, settings.target).open_release(release_id)
    record = Record(store, settings.target, release_id, owner=new_owner())
    record.append(
        "opened",
        {
            "by": by,
            "door": door,
            "host": socket.gethostname(),
            "identity": identity.model_dump(mode="json"),
            "waivers": [w.model_dump(mode="json") for w in waivers],
            "flow_run": flow_run,
            "bundle": bundle.model_dump(mode="json", exclude={"files"}) if bundle else None,
            "purpose": purpose,
            "subject": subject,
        },
    )
    return Release(id=release_id, settings=settings, policy=policy, store=store, record=record)


def take_up(settings: Settings, policy: Policy, store: ObjectStore, release_id: str) -> Release:
    """Take an open release up again: from here on, whoever had it before loses its next write.

    Raises:
        ConfigurationError: there is no such release.
    """
    me = new_owner()
    record = Record.open(store, settings.target, release_id, owner=me)
    if record.last("closed") is None:
        record.append("claimed", {"owner": me, "host": socket.gethostname(), "pid": os.getpid(), "by": operator()})
    return Release(id=release_id, settings=settings, policy=policy, store=store, record=record)


def same_target(release: Release, identity: Identity) -> None:
    """Refuse when the settings name another database than the release was opened for.

    Raises:
        Refused: the names were mixed up.
    """
    opened = release.record.last("opened")
    if opened is None:
        return
    before = Identity.model_validate(opened.body["identity"])
    if before.system_identifier != identity.system_identifier:
        raise Refused(
            f"release {release.id} was opened for {before.database} of cluster {before.system_identifier}, "
            f"and GATE_PRODUCTION_URL leads to {identity.database} of cluster {identity.system_identifier}",
            hint="set GATE_PRODUCTION_URL and GATE_TARGET to the ones of that release",
        )


def store_of(settings: Settings) -> ObjectStore:
    """The object store that the settings name."""
    return open_store(settings.store_address)
