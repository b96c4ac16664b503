"""A platform whose every process belongs to the test: it may kill, stop and start each of them at any time.

No beat runs: workers recover by themselves. Leases are shorter than the default so that a death is cheap to wait for,
and longer than a busy machine keeps a heartbeat waiting.
"""

import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from redis import Redis

from shannon_project.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey
from shannon_project.stack.database import database_prepare
from shannon_project.stack.paths import StackPaths, json_read
from shannon_project.stack.ports import free_port
from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.children import Child, Children
from tests.acceptance.faults.doorbells import LOST_FILE
from tests.acceptance.faults.witness import WITNESS_VARIABLE, Witness

LEASE_SECONDS = 3.0
TIMES = {
    "SHANNON_LEASE_SECONDS": str(LEASE_SECONDS),
    "SHANNON_HEARTBEAT_SECONDS": "0.5",
    "SHANNON_RECOVER_INTERVAL_SECONDS": "0.2",
    "SHANNON_DATABASE_POOL_TIMEOUT_SECONDS": "3",
    "SHANNON_DATABASE_TRANSACTION_IDLE_SECONDS": str(LEASE_SECONDS),
}


class Cluster:
    """Postgres, Valkey, one web server, a witness, and as many workers as a test starts."""

    def __init__(self, folder: Path, witness: Witness) -> None:
        self.paths = StackPaths(folder)
        self.witness = witness
        self.postgres = EmbeddedPostgres(self.paths.postgres_dir, durable=True)
        self.valkey = EmbeddedValkey(self.paths.valkey_dir)
        self.workers: list[Child] = []
        self.environment: dict[str, str] = {}
        self.api_key = ""
        self.base_url = ""
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._children = Children()

    @property
    def database_url(self) -> str:
        """Where Postgres is."""
        return self.postgres.url

    @property
    def broker(self) -> "Redis":
        """A new client of Valkey."""
        return Redis.from_url(self.valkey.url, socket_timeout=5.0, socket_connect_timeout=1.0)

    def up(self) -> None:
        """Start the servers, seed, and start web."""
        self.paths.log_dir.mkdir(parents=True)
        self.paths.static_root.mkdir()
        self.postgres.prepare()
        self.valkey.prepare()
        self.server_start("postgres")
        self.server_start("valkey")
        self.postgres.ensure_database()
        self.environment = self._environment()
        self._children.nursery_start(self.environment, self.paths.log("nursery"))
        database_prepare(self.paths, self.environment)
        credentials = json_read(self.paths.credentials)
        assert credentials is not None
        self.api_key = credentials["api_key"]
        self._children.nursery_await()
        self.web = self.web_start()
        self.base_url = self.address_of(self.web)

    def _environment(self) -> dict[str, str]:
        folder = str(self.paths.local_dir)
        return {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "DJANGO_SETTINGS_MODULE": "tests.acceptance.faults.settings",
            "SHANNON_LOCAL_DIR": folder,
            "SHANNON_SECRET_KEY": secrets.token_urlsafe(48),
            "SHANNON_SANDBOX_RUNTIME": "sandbox.runtimes.fake.FakeRuntime",
            "SHANNON_MODEL": "openai/gpt-4o-mini",  # litellm knows its price
            "SHANNON_MODELS_ALLOWED": "openai/gpt-4o-mini,offline/medium",  # the latter for programs, which rules read
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"{self.witness.url}/v1",
            "OPENAI_API_BASE": f"{self.witness.url}/v1",
            "SHANNON_HTTP_ENDPOINTS_ALLOWED": self.witness.url.removeprefix("http://"),  # for the tool http_fetch
            "OTEL_BSP_SCHEDULE_DELAY": "50",  # milliseconds, where traces are on: a victim has not long
            WITNESS_VARIABLE: self.witness.url,
            **TIMES,
        }

    def down(self) -> None:
        """Stop everything."""
        self._children.end()
        self.postgres.stop()
        self.valkey.stop()
        for server in self._servers.values():
            server.kill()
            server.wait()

    def server_start(self, name: str) -> None:
        """Start `postgres` or `valkey`, where it was before, and wait until it answers.

        Again and again, as a supervisor does: a killed Postgres leaves children behind, and until the last of them has
        noticed, a new one refuses to start.
        """
        wait_until(lambda: self._server_started(name), f"{name} has started")

    def _server_started(self, name: str) -> bool:
        server: EmbeddedPostgres | EmbeddedValkey = self.postgres if name == "postgres" else self.valkey
        user = self.postgres.run_as if name == "postgres" else None
        with self.paths.log(name).open("ab") as log:
            process = subprocess.Popen(
                server.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=server.data_dir, user=user
            )
        self._servers[name] = process
        try:
            server.wait_ready(process)
        except EmbeddedServerError:
            process.kill()
            process.wait()
            return False
        return True

    def server_kill(self, name: str) -> None:
        """Kill `postgres` or `valkey` with SIGKILL."""
        self._servers[name].kill()
        self._servers[name].wait()

    def server_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a server."""
        self._servers[name].send_signal(number)

    def worker_start(
        self,
        *,
        failpoints: str = "",
        transport: str = "",
        threads: int = 8,
        grace_seconds: float = 120.0,
        clock_ahead_seconds: float = 0.0,
        traces: str = "",
    ) -> Child:
        """Start a worker and wait until it takes jobs.

        Args:
            failpoints: Where it dies or stands still.
            transport: Of the broker, instead of its own.
            threads: How many steps it runs at once.
            grace_seconds: How long it has after SIGTERM to end its steps.
            clock_ahead_seconds: By how much its clock is wrong.
            traces: Where it sends its spans.
        """
        worker = self._children.born(
            "worker",
            failpoints=failpoints,
            transport=transport,
            threads=threads,
            grace_seconds=grace_seconds,
            clock_ahead_seconds=clock_ahead_seconds,
            traces=traces,
        )
        self.workers.append(worker)
        ready = self.paths.log_dir / f"{worker.name}.ready"
        wait_until(lambda: ready.exists() or not worker.lives, f"{worker.name} is ready")
        assert worker.lives, self.log_of(worker)[-3000:]
        return worker

    def workers_end(self) -> None:
        """Kill every worker."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def web_start(self, *, failpoints: str = "", transport: str = "") -> Child:
        """Start a web server on a port of its own and wait until it answers; on another one if somebody took it."""
        while True:
            web = self._children.born("web", failpoints=failpoints, transport=transport, port=free_port(0))
            wait_until(lambda: self._answers(web) or not web.lives, f"{web.name} answers")  # noqa: B023 - called here
            if web.lives:
                return web
            assert "address already in use" in self.log_of(web), self.log_of(web)[-3000:]

    def address_of(self, web: Child) -> str:
        """Return a web server's base URL."""
        return f"http://127.0.0.1:{web.name.rpartition('-')[2]}"

    def _answers(self, web: Child) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.address_of(web)}/health", timeout=5.0).status_code == 200
        return False

    def http(self, base_url: str = "") -> httpx.Client:
        """Return a client with the key."""
        return httpx.Client(base_url=base_url or self.base_url, headers={"X-API-Key": self.api_key}, timeout=90.0)

    def submit(self, *, idempotency_key: str = "", base_url: str = "", nonce: str = "") -> "Submitted":
        """Submit a task for the witness."""
        nonce = nonce or f"thing-{uuid4().hex[:12]}"
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        with self.http(base_url) as http:
            body = {"query": f"Count {nonce}.", "mode": "standard"}
            answer = http.post("/api/v1/tasks", json=body, headers=headers)
        answer.raise_for_status()
        return Submitted(str(answer.json()["task_id"]), nonce)

    def events_seen(self, submitted: "Submitted") -> None:
        """Read the first stored event of a task from its stream."""
        with self.http() as http, http.stream("GET", f"/api/v1/stream/sse?workflow_id={submitted.task_id}") as stream:
            next(line for line in stream.iter_lines() if line.startswith("data:"))

    @contextmanager
    def doorbells_lost(self) -> Iterator[None]:
        """Lose the doorbells of processes with the transport `Lossy`."""
        path = self.paths.local_dir / LOST_FILE
        path.touch()
        try:
            yield
        finally:
            path.unlink()

    def log_of(self, child: Child) -> str:
        """Return what a child has written."""
        return self.paths.log(child.name).read_text()

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask Postgres, which the test may have to wait for."""
        with psycopg.connect(self.database_url, connect_timeout=5) as connection:
            return connection.execute(statement, values).fetchall()


@dataclass(frozen=True, slots=True)
class Submitted:
    """A task and the mark by which the witness knows it."""

    task_id: str
    nonce: str


@contextmanager
def cluster_running() -> Iterator[Cluster]:
    """Yield a cluster; nothing of it is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="shannon-faults-"))
    folder.chmod(0o755)  # Postgres runs as another user when we are root
    with ExitStack() as ends:
        ends.callback(rmtree, folder, ignore_errors=True)
        witness = ends.enter_context(Witness().listening())
        cluster = Cluster(folder, witness)
        ends.callback(cluster.down)
        cluster.up()
        yield cluster
