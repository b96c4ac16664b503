"""The local stack itself: all of it up, told truly, and nothing left behind (which the fixture's end checks)."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest

from shannon_project.stack.health import key_is_accepted, web_is_healthy
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.roles import APP_ROLES
from shannon_project.stack.state import StackState, state_of
from tests.acceptance.conftest import REPOSITORY, Stack, folder_for_stack, wait_until

pytestmark = pytest.mark.acceptance


def test_every_process_that_the_state_file_names_runs(stack: Stack) -> None:
    pids = stack.pids
    assert set(pids) == {"supervisor", "postgres", "valkey", *APP_ROLES}
    assert all(psutil.pid_exists(pid) for pid in pids.values())
    assert stat.S_IMODE(stack.paths.state.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.paths.env.stat().st_mode) == 0o600


def test_up_again_changes_nothing(stack: Stack) -> None:
    before = stack.pids
    done = stack.command("up")
    assert done.returncode == 0, done.stderr
    assert "was up already" in done.stdout
    assert stack.admin_password not in done.stdout + done.stderr
    assert str(stack.paths.credentials) in done.stdout
    assert stack.pids == before


def test_the_doctor_finds_everything_fine(stack: Stack) -> None:
    done = stack.command("doctor", "--json")
    found = {item["check_id"]: item for item in json.loads(done.stdout)}
    assert {check_id: item for check_id, item in found.items() if item["verdict"] != "fine"} == {}
    assert done.returncode == 0


def test_home_admin_docs_and_metrics_are_where_they_are_said_to_be(stack: Stack) -> None:
    with httpx.Client(follow_redirects=True, timeout=30) as http:
        for address in ("/", "/admin/", "/docs", "/metrics", "/health", "/readiness"):
            assert http.get(stack.base_url + address).status_code == 200, address


def test_the_admin_login_that_is_told_works(stack: Stack) -> None:
    with httpx.Client(follow_redirects=True, timeout=30) as http:
        login = http.get(stack.admin_url)
        form = {
            "username": stack.admin_user,
            "password": stack.admin_password,
            "csrfmiddlewaretoken": http.cookies["csrftoken"],
            "next": "/admin/",
        }
        page = http.post(str(login.url), data=form, headers={"Referer": str(login.url)})
    assert page.status_code == 200
    assert "Log out" in page.text or "logout" in page.text


def test_two_stacks_that_start_at_the_same_moment_get_ports_of_their_own() -> None:
    with starting() as one, starting() as other:
        states = [began(one), began(other)]
        addresses = [{state.base_url, state.gateway_url, state.flower_url} for state in states]
        assert not addresses[0] & addresses[1]
        for state in states:
            wait_until(lambda state=state: web_is_healthy(state.base_url), "web answers")  # type: ignore[misc]
        for state, stranger in ((states[0], states[1]), (states[1], states[0])):
            assert key_is_accepted(state.base_url, state.api_key)
            assert not key_is_accepted(state.base_url, stranger.api_key)


def began(paths: StackPaths) -> StackState:
    """Wait until a stack tells where its parts are; they may still be starting."""
    state: StackState = wait_until(lambda: state_of(paths), "the stack has begun", patience_seconds=200)
    return state


@contextmanager
def starting() -> Iterator[StackPaths]:
    """Begin to start a stack, in a folder of its own; it is stopped in the end."""
    with folder_for_stack() as (paths, environment):
        command = [sys.executable, str(REPOSITORY / "manage.py"), "up", f"--while-pid={os.getpid()}"]
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL) as up:
            try:
                yield paths
            finally:
                up.send_signal(signal.SIGINT)  # it clears away what it has started
                up.wait()
