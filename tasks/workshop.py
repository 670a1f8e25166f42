"""What the steps of one release share and nobody writes down: programs, the scratch server, the acting lock."""

import importlib.metadata
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from pydantic import SecretStr

from config.policy import Policy
from config.settings import Settings
from tasks.clients import address, postgres, programs
from tasks.clients.acting_lock import ActingLock
from tasks.clients.programs import Programs
from tasks.clients.scratch import ScratchServer, scratch_server
from tasks.gate.errors import ConfigurationError
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest

DATABASE_IS_THERE = "select 1 from pg_catalog.pg_database where datname = %s"


@dataclass
class Workshop:
    """Opens what a step asks for, once, and closes everything when it is left."""

    settings: Settings
    policy: Policy
    identity: Identity
    restored: str | None = None  # the database on the scratch server that holds the proved backup
    _closing: ExitStack = field(default_factory=ExitStack)
    _scratch: ScratchServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    @property
    def production_url(self) -> SecretStr:
        """Production's address."""
        return production_url(self.settings)

    @cached_property
    def programs(self) -> Programs:
        """Client programs that fit production's major version."""
        return programs.find(self.identity.major, self.settings.pg_bin, server=False)

    @property
    def scratch(self) -> ScratchServer:
        """The scratch server, started at first use."""
        if self._scratch is None:
            configured = self.settings.scratch_url
            found = None if configured else programs.find(self.identity.major, self.settings.pg_bin, server=True)
            self._scratch = self._closing.enter_context(
                scratch_server(found or self.programs, configured=configured, never=self.identity)
            )
        return self._scratch

    def take_lock(self) -> None:
        """Become the one process that acts on the target.

        Raises:
            Busy: another process does.
        """
        self._closing.enter_context(
            ActingLock.take(
                self.production_url,
                self.settings.target,
                maintenance_database=self.policy.recovery.maintenance_database,
            )
        )

    def let_go(self) -> None:
        """Stop the scratch server and give the lock back; both can be taken again."""
        self._scratch, self.restored = None, None
        self._closing.close()


def production_url(settings: Settings) -> SecretStr:
    """Production's address.

    Raises:
        ConfigurationError: it is not set.
    """
    if settings.production_url is None:
        raise ConfigurationError(
            "GATE_PRODUCTION_URL is not set",
            hint="export GATE_PRODUCTION_URL=postgresql://user:password@host:5432/database",
        )
    return settings.production_url


def production_name(settings: Settings) -> str:
    """The database that production's address names.

    Raises:
        ConfigurationError: it is not set, or cannot be read.
    """
    return address.parameters(production_url(settings))["dbname"]


def tool_versions(settings: Settings, identity: Identity) -> dict[str, str]:
    """The versions of what will act: part of what an approval covers."""
    found = programs.find(identity.major, settings.pg_bin, server=False)
    return {"gate": importlib.metadata.version("gate"), "pg_dump": found.version}


def look_at_server(settings: Settings, policy: Policy, manifest: Manifest) -> Identity:
    """Which database production is; where it was dropped, what the backup says it was, on the server as it is now.

    Raises:
        ConfigurationError: the server cannot be reached, or the database is there and cannot be connected to.
    """
    try:
        return look(settings)
    except ConfigurationError:
        url = production_url(settings)
        database = policy.recovery.maintenance_database
        with postgres.connect(url, purpose="look", read_only=True, database=database) as connection:
            there = connection.execute(DATABASE_IS_THERE, [address.parameters(url).get("dbname", "")]).fetchone()
            if there is not None:
                raise
            server = postgres.identity(connection)
        known = {"database_oid": manifest.identity.database_oid, "database": manifest.identity.database}
        return server.model_copy(update=known)


def look(settings: Settings) -> Identity:
    """Which database production is, asked of itself.

    Raises:
        ConfigurationError: it cannot be reached, or is not set.
    """
    with postgres.connect(production_url(settings), purpose="look", read_only=True) as connection:
        return postgres.identity(connection)
