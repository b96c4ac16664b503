"""The real stack, started as `make up` starts it: own servers, own folder, own ports."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from shannon_project.stack.health import wait_healthy
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.roles import APP_ROLES
from shannon_project.stack.state import StackState, state_of
from shannon_project.stack.supervisor import STACK_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
OFFLINE_LATENCY_SECONDS = 0.6  # of the slow stack's model: long enough to act in the middle of a fan-out

PATIENCE_SECONDS = 90.0

_NOT_HANDED_DOWN = ("DATABASE_URL", "REDIS_URL", "SHANNON_SECRET_KEY", "SHANNON_LOCAL_DIR", "DJANGO_SETTINGS_MODULE")


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack."""

    paths: StackPaths
    environment: Mapping[str, str]
    base_url: str
    api_key: str
    admin_url: str
    admin_user: str
    admin_password: str
    flower_url: str
    database_url: str
    broker_url: str

    @property
    def pids(self) -> dict[str, int]:
        """The pids of this moment by role; 0 for one that does not run just now."""
        state = state_of(self.paths)
        told = {**dict.fromkeys((*APP_ROLES, "postgres", "valkey"), 0), **(state.pids if state else {})}
        return {role: pid if _lives(pid) else 0 for role, pid in told.items()}

    def wait_healthy(self) -> None:
        """Wait until every role does its work, whatever an earlier test did to it."""
        state = state_of(self.paths)
        assert state is not None
        wait_healthy(self.paths, state, lambda _: None)
        wait_until(lambda: all(self.pids.values()), "every role runs")

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `manage.py` for this stack and return how it ended."""
        return _manage(self.environment, *arguments)

    def leftovers(self) -> list[psutil.Process]:
        """Return the processes that belong to this stack."""
        return leftovers_of(self.paths)


def leftovers_of(paths: StackPaths) -> list[psutil.Process]:
    """Return the processes that carry a stack's mark or work in its folder."""
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get(STACK_VARIABLE) == str(paths.local_dir)
            inside = process.cwd().startswith(str(paths.local_dir))
        except (psutil.Error, OSError):
            continue
        if marked or inside:
            found.append(process)
    return found


def wait_until(condition: Callable[[], Any], what: str, *, patience_seconds: float = PATIENCE_SECONDS) -> Any:
    """Ask until the condition holds; this is the only waiting of these tests, and it is bounded."""
    end = time.monotonic() + patience_seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"never happened: {what}")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A stack with the offline model at full speed."""
    with stack_running({}) as running:
        yield running


@pytest.fixture(scope="session")
def slow_stack() -> Iterator[Stack]:
    """A stack whose model takes its time, for those who act while a task runs."""
    variables = {
        "SHANNON_OFFLINE_LATENCY_SECONDS": str(OFFLINE_LATENCY_SECONDS),
        "SHANNON_WORKER_PING_SECONDS": "3",  # a deaf worker is noticed after three: not sooner on a busy machine
    }
    with stack_running(variables) as running:
        yield running


@contextmanager
def stack_running(variables: Mapping[str, str]) -> Iterator[Stack]:
    with folder_for_stack(variables) as (paths, environment):
        # The stack ends with this run, however it ends.
        done = _manage(environment, "up", f"--while-pid={os.getpid()}")
        assert done.returncode == 0, done.stdout + done.stderr
        state = state_of(paths)
        assert state is not None
        yield _stack(paths, environment, state)


@contextmanager
def folder_for_stack(variables: Mapping[str, str] | None = None) -> Iterator[tuple[StackPaths, dict[str, str]]]:
    """Yield a new folder and the environment of a stack in it; what runs there in the end is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="shannon-stack-"))
    folder.chmod(0o755)  # Postgres runs as another user when we are root
    paths = StackPaths(folder)
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_DOWN}
    environment = {**kept, "SHANNON_LOCAL_DIR": str(folder), **(variables or {})}
    try:
        yield paths, environment
    finally:
        down = _manage(environment, "down")
    left = leftovers_of(paths)
    assert down.returncode == 0, down.stderr
    assert not left, left
    shutil.rmtree(folder, ignore_errors=True)


def _manage(environment: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(REPOSITORY / "manage.py"), *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=dict(environment), capture_output=True, text=True, check=False)


def _stack(paths: StackPaths, environment: Mapping[str, str], state: StackState) -> Stack:
    return Stack(
        paths=paths,
        environment=environment,
        base_url=state.base_url,
        api_key=state.api_key,
        admin_url=state.admin_url,
        admin_user=state.admin_user,
        admin_password=state.admin_password,
        flower_url=state.flower_url,
        database_url=state.database_url,
        broker_url=state.broker_url,
    )


def _lives(pid: int) -> bool:
    """Return whether a process runs; one that waits for its parent to notice its end does not."""
    with suppress(psutil.NoSuchProcess):
        return pid > 0 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
