"""The supervisor: what crashes is started again, what keeps crashing is told, what is left behind is found."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import psutil
import pytest

from shannon_project.stack.errors import StackNotHealthy
from shannon_project.stack.health import key_is_accepted
from shannon_project.stack.paths import StackPaths, log_end, private_write
from shannon_project.stack.ports import PortChoice, free_port
from shannon_project.stack.roles import Role, supervisor_config
from shannon_project.stack.state import StackState, admin_login, state_of
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


def wait_for(condition: Callable[[], bool], *, timeout_seconds: float = 120.0) -> None:
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


def supervised(
    paths: StackPaths, *roles: Role, owner_pid: int | None = None, ports_kept: Sequence[int] = ()
) -> SupervisorClient:
    port = free_port(0)
    config = supervisor_config(
        paths,
        servers=[],
        apps=list(roles),
        rpc_port=port,
        rpc_password="secret",
        owner_pid=owner_pid,
        ports_kept=ports_kept,
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


def test_the_supervisor_keeps_its_stacks_ports_from_others_until_it_ends(paths: StackPaths) -> None:
    web_port = free_port(0)
    supervised(paths, SLEEPER, ports_kept=[web_port])
    with PortChoice() as choice:
        assert choice.take(web_port) != web_port, "nobody listens there just now, but the stack is up"
    supervisor = supervisor_process(paths)
    assert supervisor is not None
    supervisor_stop(supervisor)
    with PortChoice() as choice:
        assert choice.take(web_port) == web_port


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


def test_a_stack_whose_owner_is_gone_already_does_not_stay(paths: StackPaths) -> None:
    owner = psutil.Popen([sys.executable, "-c", ""])
    owner.wait()
    config = supervisor_config(
        paths, servers=[], apps=[SLEEPER], rpc_port=free_port(0), rpc_password="secret", owner_pid=owner.pid
    )
    private_write(paths.supervisor_config, config)
    process = supervisor_spawn(paths, {})
    process.wait(120)
    assert leftovers_of(paths) == []


def test_a_supervisor_that_refuses_or_is_silent_is_told_as_such(paths: StackPaths) -> None:
    client = supervised(paths, SLEEPER)
    with pytest.raises(StackNotHealthy, match="refused"):
        client.start("nobody")
    with pytest.raises(StackNotHealthy, match="refused"):
        client.stop("nobody")
    client.stop("worker")
    client.stop("worker")  # stopped already
    process = supervisor_process(paths)
    assert process is not None
    supervisor_stop(process)
    asks: list[Callable[[], None]] = [
        lambda: client.start("worker"),
        lambda: client.stop("worker"),
        lambda: client.publish(state()),
    ]
    for ask in asks:
        with pytest.raises(StackNotHealthy, match="does not answer"):
            ask()


def test_an_api_that_is_not_there_is_told_as_such() -> None:
    with pytest.raises(StackNotHealthy, match="does not answer"):
        key_is_accepted(f"http://127.0.0.1:{free_port(0)}", "key")


def test_the_end_of_a_log_is_fifteen_lines_that_fit_a_terminal(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    assert log_end(log) == ""
    log.write_text("first\n" * 20 + "x" * 5_000 + "\n")
    lines = log_end(log).splitlines()
    assert len(lines) == 15
    assert lines[-1] == "x" * 300 + "…"


def test_waiting_for_another_up_is_told(paths: StackPaths) -> None:
    told: list[str] = []
    is_told = Event()

    def report(text: str) -> None:
        told.append(text)
        is_told.set()

    def second() -> None:
        with paths.lock(report):
            told.append("held")

    thread = Thread(target=second)
    with paths.lock(told.append):
        thread.start()
        assert is_told.wait(120)
        assert len(told) == 1
    thread.join(120)
    assert "waiting" in told[0]
    assert told[1:] == ["held"]


def test_the_admins_password_is_shown_by_the_command_that_made_it_only(paths: StackPaths) -> None:
    assert " / x " in admin_login(state(), paths, None)
    assert " / x " in admin_login(state(), paths, {"admin_password": "of another database"})
    assert admin_login(state(), paths, {"admin_password": "x"}) == f"x, password in {paths.credentials}"
