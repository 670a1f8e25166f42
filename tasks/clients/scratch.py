"""A scratch server to prove backups and rehearse on: a throw-away cluster, or an empty server that the team named."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.address import with_database
from tasks.clients.cluster import running_cluster
from tasks.clients.cluster_folder import sweep
from tasks.clients.configured_scratch import borrowed, mark
from tasks.clients.programs import Programs
from tasks.clients.session_settings import USUAL, set_on
from tasks.gate.errors import ConfigurationError, Refused
from tasks.gate.identity import Identity
from tasks.gate.manifest import Manifest

__all__ = ["ScratchServer", "scratch_server", "sweep"]

# Nothing here has to survive a crash (performance.md: 28 s instead of 47 s for the same restore). wal_level is not
# minimal, because the WAL of a rehearsal is shown as a forecast for production.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "replica",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "autovacuum": "off",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "max_connections": "50",
    "max_locks_per_transaction": "512",
    "restart_after_crash": "off",  # a crash in here is a finding, not something to go on after
}
LOCALE_PROVIDER_SINCE = 150000
TEMPLATE_COPY_MS = 3_600_000  # a copy of a large database, in ms
WITHOUT_FORCE_BEFORE = 130000
STRATEGY_SINCE = 150000


@dataclass
class ScratchServer:
    """A server on which anything may be created and lost."""

    url: SecretStr  # database postgres
    version_num: int
    programs: Programs | None  # what made it, None for a server that the team named
    own: bool
    made: list[str] = field(default_factory=list)

    @property
    def major(self) -> int:
        """The server's major version."""
        return self.version_num // 10000

    def database_url(self, name: str) -> SecretStr:
        """How to connect to one of its databases."""
        return with_database(self.url, name)

    def create_database(
        self,
        name: str,
        *,
        template: str | None = None,
        like: Manifest | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> SecretStr:
        """Create a database and return its URL.

        Args:
            name: what it is called.
            template: a database of this server to copy, with nobody connected to it.
            like: encoding, collation and locale provider are to be those of this backup's database.
            settings: that its sessions begin with, where they are not as usual; a template's own do not come along.

        Raises:
            Refused: the server lacks the locale or the provider that the backup needs, or does not take a setting.
        """
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            command += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            if self.version_num >= STRATEGY_SINCE:  # files as a whole: a third of the time that block by block takes
                command += sql.SQL(" STRATEGY file_copy")
        elif like is not None:
            command += sql.SQL(" TEMPLATE template0 ") + _locale_options(like, self.version_num)
        with self._session() as connection:
            try:
                connection.execute(command)
                self._mark(connection, name)  # not before: a name that somebody else took is not ours to drop
            except psycopg.Error as error:
                raise _not_created(name, like, error) from None
        if settings is not None:
            self.use_settings(name, settings)
        return self.database_url(name)

    def use_settings(self, name: str, settings: Mapping[str, str]) -> None:
        """Have every later session of a database begin with these settings of production's; safe to run twice.

        Raises:
            Refused: this server does not take one of them.
        """
        wanted = dict(settings) if self.own else {**USUAL, **settings}  # the team's server may be in any time zone
        if not wanted:
            return
        with self._session() as connection:
            try:
                set_on(connection, name, wanted)
            except psycopg.Error as error:
                raise Refused(
                    "the scratch server does not take a setting that decides in production what SQL means: "
                    f"{error.diag.message_primary or type(error).__name__}",
                    hint="production is untouched; install what that setting needs where the scratch server runs, or "
                    "set GATE_SCRATCH_URL to an empty server that has it",
                ) from None

    def is_ours(self, name: str) -> None:
        """Take a database that was created just now for one to drop at the end, also should this process be killed."""
        with self._session() as connection:
            self._mark(connection, name)

    def drop_database(self, name: str) -> None:
        """Drop a database with all its sessions; no error when it is absent."""
        force = sql.SQL(" WITH (FORCE)") if self.version_num >= WITHOUT_FORCE_BEFORE else sql.SQL("")
        with self._session() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)) + force)
        if name in self.made:
            self.made.remove(name)

    def _mark(self, connection: postgres.Connection, name: str) -> None:
        self.made.append(name)
        if not self.own:
            mark(connection, name)

    def _session(self) -> postgres.Connection:
        return postgres.connect(self.url, purpose="scratch", statement_timeout_ms=TEMPLATE_COPY_MS)


@contextmanager
def scratch_server(
    programs: Programs | None,
    *,
    configured: SecretStr | None,
    never: Identity | None,
    settings: Mapping[str, str] | None = None,
    superuser: str = "postgres",
) -> Iterator[ScratchServer]:
    """A server to prove and rehearse on, for the length of the block; nothing is left of what was done there.

    Args:
        programs: what to make a throw-away cluster with; not needed when `configured` is given.
        configured: an empty server of the team's (GATE_SCRATCH_URL).
        never: production: a configured server of the same cluster is refused.
        settings: postgresql.conf of a throw-away cluster, on top of ours.
        superuser: the bootstrap role of a throw-away cluster; production's own name keeps owners alike.

    Raises:
        ConfigurationError: the server cannot be made or reached.
        Refused: the configured server is production's, a standby, or not empty.
    """
    sweep()
    if configured is not None:
        with borrowed(configured, never) as (url, version_num, made):
            yield ScratchServer(url, version_num, None, own=False, made=made)
        return
    assert programs is not None, "a throw-away cluster needs programs"
    with running_cluster(programs, {**SETTINGS, **(settings or {})}, superuser=superuser, iterations=1) as cluster:
        url = cluster.url("postgres")
        with postgres.connect(url, purpose="scratch") as connection:
            version_num = connection.info.server_version
        yield ScratchServer(url, version_num, cluster.programs, own=True)


def _locale_options(like: Manifest, version_num: int) -> sql.Composable:
    options: list[tuple[str, Any]] = [
        ("ENCODING", like.encoding),
        ("LC_COLLATE", like.collate),
        ("LC_CTYPE", like.ctype),
    ]
    if version_num >= LOCALE_PROVIDER_SINCE:
        provider = {"i": "icu", "b": "builtin"}.get(like.locale_provider, "libc")
        options.append(("LOCALE_PROVIDER", provider))
        if like.icu_locale:
            options.append(("BUILTIN_LOCALE" if provider == "builtin" else "ICU_LOCALE", like.icu_locale))
    return sql.SQL(" ").join(sql.SQL("{} {}").format(sql.SQL(name), sql.Literal(value)) for name, value in options)


def _not_created(name: str, like: Manifest | None, error: psycopg.Error) -> Refused | ConfigurationError:
    said = error.diag.message_primary or type(error).__name__
    if like is not None and any(word in said for word in ("locale", "encoding", "ICU", "collation")):
        wanted = f"{like.encoding}, {like.collate}" + (f", ICU {like.icu_locale}" if like.icu_locale else "")
        return Refused(
            f"the scratch server cannot hold a database like the backup's ({wanted}): {said}",
            hint="install that locale where it runs, or set GATE_SCRATCH_URL to an empty server that has it",
        )
    return ConfigurationError(
        f"the scratch server cannot create database {name}: {said}", hint="check its disk space and the role's CREATEDB"
    )
