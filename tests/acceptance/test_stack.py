"""The local stack itself: all of it up, told truly, and nothing left behind (which the fixture's end checks)."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import psutil
import pytest

from shannon_project.stack.health import key_is_accepted
from shannon_project.stack.roles import APP_ROLES
from shannon_project.stack.state import state_of
from tests.acceptance.conftest import Stack, stack_running

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
    with ExitStack() as ends, ThreadPoolExecutor(2) as pool:
        starting = [stack_running({}) for _ in range(2)]
        stacks = list(pool.map(ends.enter_context, starting))
        told = [state_of(stack.paths) for stack in stacks]
        addresses = [{state.base_url, state.gateway_url, state.flower_url} for state in told if state is not None]
        assert len(addresses) == 2
        assert not addresses[0] & addresses[1]
        for stack, other in (stacks, reversed(stacks)):
            assert key_is_accepted(stack.base_url, stack.api_key)
            assert not key_is_accepted(stack.base_url, other.api_key)
