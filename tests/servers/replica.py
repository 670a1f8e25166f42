"""A streaming replica of a server of ours, made as one is made in earnest: pg_basebackup, then WAL."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.clients.address import parameters
from tasks.clients.child import plain_environment
from tasks.clients.cluster import Cluster, _launch
from tasks.clients.cluster_folder import cluster_folder, socket_folder
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.program_copy import for_server
from tasks.clients.programs import embedded_programs
from tasks.clients.server_account import stepped_down

NAME = "reports"  # its application_name, which pg_stat_replication shows


@contextmanager
def replica_of(primary: EmbeddedServer) -> Iterator[Cluster]:
    """A hot standby on loopback; gone at the end."""
    programs = for_server(embedded_programs())
    there = parameters(primary.url())
    address = f"host={there['host']} port={there['port']} user={there['user']} application_name={NAME}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with cluster_folder() as folder, socket_folder(folder) as own_socket:
        into = ("-D", str(folder / "data"), "-R", "--checkpoint=fast", "--no-sync", "-d", address)
        subprocess.run(
            [programs.path("pg_basebackup"), *into],
            env={**plain_environment(), "PGPASSWORD": there["password"]},
            check=True,
            cwd=folder,
            **stepped_down(),
        )
        with (folder / "data" / "postgresql.auto.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"port = {port}\nunix_socket_directories = '{own_socket}'\n")
        made = _launch(programs, folder)
        cluster = Cluster(programs, folder, own_socket, port, there["user"], primary.cluster.password, made)
        try:
            yield cluster
        finally:
            cluster.stop()
