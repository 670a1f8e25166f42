"""The demo's servers, started side by side: production, staging, an object store, a Prefect server."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from flows.demo.prefect_server import PrefectServer
from tasks.clients.cluster_folder import cluster_folder
from tasks.clients.embedded import EmbeddedServer
from tasks.clients.seaweed import SeaweedServer

BUCKET = "gate-demo"


class Servers:
    """A context: inside it everything runs, after it nothing is left of it."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._closing = ExitStack()
        self.folder = Path()
        self.production = EmbeddedServer()
        self.staging = EmbeddedServer()
        self.store = SeaweedServer()
        self.prefect = PrefectServer(Path())
        self._prefect_started: Future[PrefectServer] = Future()

    @property
    def store_url(self) -> str:
        """What GATE_STORE_URL says."""
        return self.store.url(BUCKET)

    def __enter__(self) -> Self:
        try:
            # A folder that the next start sweeps, should this process be killed.
            self.folder = self._closing.enter_context(cluster_folder())
            self.prefect = PrefectServer(self.folder / "prefect")
            for server in (self.production, self.staging, self.store, self.prefect):
                self._closing.callback(server.stop)
            self._start_all()
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def wait_for_prefect(self) -> None:
        """The Prefect server takes longest, and nothing needs it before the first release."""
        self._prefect_started.result()

    def _start_all(self) -> None:
        """All at once, so that the slowest decides; whatever was begun has ended before an error is passed on."""
        pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="demo-start")
        self._closing.callback(pool.shutdown)
        self._closing.callback(self.prefect.give_up)  # before the pool is waited for
        self._prefect_started = pool.submit(self.prefect.start)
        for started in [pool.submit(start) for start in (self.production.start, self.staging.start, self._start_store)]:
            started.result()

    def _start_store(self) -> SeaweedServer:
        self.store.start()
        self.store.create_bucket(BUCKET)
        return self.store
