"""The supervisor: what crashes is started again, what keeps crashing is told, what is left behind is found."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from threading import Event
from time import monotonic

import psutil
import pytest

from shannon_project.stack.paths import StackPaths, private_write
from shannon_project.stack.roles import Role, supervisor_config
from shannon_project.stack.services import free_port
from shannon_project.stack.state import StackState, state_of
from shannon_project.stack.supervisor import (
    SupervisorClient,
    leftovers_of,
    leftovers_stop,
    supervisor_process,
    supervisor_spawn,
    supervisor_stop,
)

SLEEPER = Role("worker", [sys.executable, "-c", "import signal; signal.pause()"])
CRASHER = Role("web", [sys.executable, "-c", "raise SystemExit(3)"])


def wait_for(condition: Callable[[], bool], *, timeout_seconds: float = 60.0) -> None:
    deadline = monotonic() + timeout_seconds
    while not condition():
        assert monotonic() < deadline
        Event().wait(0.05)


def state() -> StackState:
    values: dict[str, object] = {item.name: "x" for item in fields(StackState)}
    return StackState.from_json({**values, "embedded_servers": False, "pids": {}})


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[StackPaths]:
    stack = StackPaths(tmp_path)
    yield stack
    leftovers_stop(stack)


def supervised(paths: StackPaths, *roles: Role, owner_pid: int | None = None) -> SupervisorClient:
    port = free_port(0)
    config = supervisor_config(
        paths, servers=[], apps=list(roles), rpc_port=port, rpc_password="secret", owner_pid=owner_pid
    )
    private_write(paths.supervisor_config, config)
    client = SupervisorClient(f"http://stack:secret@127.0.0.1:{port}")
    client.wait(supervisor_spawn(paths, {}), paths.log("supervisor"))
    client.publish(state())
    client.start(*(role.name for role in roles))
    return client


def pid_of(paths: StackPaths, role: str) -> int:
    told = state_of(paths)
    return told.pids.get(role, 0) if told else 0


def test_a_killed_process_is_started_again_and_the_state_file_tells_its_pid(paths: StackPaths) -> None:
    supervised(paths, SLEEPER)
    wait_for(lambda: pid_of(paths, "worker") != 0)
    first = pid_of(paths, "worker")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: pid_of(paths, "worker") not in {0, first})
    assert psutil.pid_exists(pid_of(paths, "worker"))


def test_a_process_that_keeps_crashing_is_given_up_and_told(paths: StackPaths) -> None:
    client = supervised(paths, CRASHER)
    wait_for(lambda: client.reports()["web"].state == "FATAL")
    assert not client.reports()["web"].is_up


def test_stopping_the_supervisor_leaves_nothing_behind(paths: StackPaths) -> None:
    supervised(paths, SLEEPER)
    process = supervisor_process(paths)
    assert process is not None
    supervisor_stop(process)
    assert leftovers_of(paths) == []
    assert not paths.state.exists()


def test_what_a_killed_supervisor_left_behind_is_found_and_stopped(paths: StackPaths) -> None:
    supervised(paths, SLEEPER)
    wait_for(lambda: pid_of(paths, "worker") != 0)
    process = supervisor_process(paths)
    assert process is not None
    process.kill()
    process.wait()
    assert pid_of(paths, "worker") in leftovers_stop(paths)
    assert leftovers_of(paths) == []


def test_the_stack_ends_with_its_owner(paths: StackPaths) -> None:
    owner = psutil.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    supervised(paths, SLEEPER, owner_pid=owner.pid)
    owner.kill()
    owner.wait()
    wait_for(lambda: supervisor_process(paths) is None)
    wait_for(lambda: leftovers_of(paths) == [])
