"""The servers of one test run: started once, before Django's settings are read, and always stopped."""

import os
import secrets
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from shannon_project.embedded import EmbeddedPostgres, EmbeddedValkey

_PREFIX = "shannon-test-"
_REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class TestServers:
    """What was started for this run; `folder` holds all of its data."""

    __test__ = False  # the name begins like a test's

    folder: Path
    postgres: EmbeddedPostgres | None
    valkey: EmbeddedValkey | None

    def stop(self) -> None:
        """Stop what was started and remove its data."""
        if self.postgres:
            self.postgres.stop()
        if self.valkey:
            self.valkey.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_servers() -> TestServers:
    """Start Postgres and Valkey in a temporary folder and set the environment that the settings read.

    With `SHANNON_TEST_USE_GIVEN_SERVERS=1` nothing is started and DATABASE_URL and REDIS_URL are used as given.

    Raises:
        EmbeddedServerError: A server did not start. A missing server fails the run, it does not skip tests.
    """
    _sweep_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    folder.chmod(0o755)  # Postgres runs as another user when we are root
    (folder / "static_root").mkdir()  # whitenoise warns at each request when it is missing
    os.environ["SHANNON_LOCAL_DIR"] = str(folder)
    # Compiled guests are the same for every run, and compiling takes seconds: once per clone.
    os.environ["SHANNON_SANDBOX_CACHE_DIR"] = str(_REPOSITORY / ".local" / "sandbox-cache")
    os.environ["SHANNON_SECRET_KEY"] = secrets.token_urlsafe(48)
    # Between two statements of a migration, or of a test, a busy machine thinks for long.
    os.environ["SHANNON_DATABASE_TRANSACTION_IDLE_SECONDS"] = "120"
    os.environ["SHANNON_MODEL"] = ""  # tests run on the offline model, whatever the developer's .env says
    if os.environ.get("SHANNON_TEST_USE_GIVEN_SERVERS") == "1":
        return TestServers(folder, None, None)
    servers = TestServers(
        folder,
        EmbeddedPostgres(folder / "postgres", durable=False),
        EmbeddedValkey(folder / "valkey", append_only=False),
    )
    assert servers.postgres is not None
    assert servers.valkey is not None
    try:
        with ThreadPoolExecutor(2) as pool:
            database_url, redis_url = pool.submit(servers.postgres.start), pool.submit(servers.valkey.start)
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = database_url.result(), redis_url.result()
    except BaseException:
        servers.stop()
        raise
    return servers


def _sweep_abandoned() -> None:
    """Stop the servers of earlier runs that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(ValueError, PermissionError):
            if not psutil.pid_exists(int(folder.name.removeprefix(_PREFIX).split("-")[0])):
                TestServers(folder, EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")).stop()
