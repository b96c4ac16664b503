"""Workers as processes: one that has gone deaf, one that only advances, and many threads on few connections."""

import os
import signal
import socket

import psutil
import pytest
from celery import Celery

from tests.acceptance.conftest import Stack, wait_until
from tests.acceptance.faults.test_supervised_stack import FINISHED, finished_task, in_the_middle, rows, submit

pytestmark = pytest.mark.acceptance


def test_a_worker_that_hears_the_broker_no_more_makes_room_and_nothing_is_repeated(slow_stack: Stack) -> None:
    slow_stack.wait_healthy()
    deaf = slow_stack.pids["worker"]
    task_id = submit(slow_stack)
    wait_until(lambda: in_the_middle(slow_stack, task_id), "the fan-out is half done")
    node = f"worker@{socket.gethostname()}"
    with Celery("test", broker=slow_stack.broker_url, set_as_current=False) as app:
        # It stays alive, keeps its connection and answers pings, as the failing of the client library leaves it.
        for queue in ("steps", f"{node}.dq2"):
            answers = app.control.cancel_consumer(queue, destination=[node], reply=True, timeout=10) or []
            assert [list(answer[node]) for answer in answers] == [["ok"]]
        assert app.control.ping(destination=[node], timeout=5)
    recorded = rows(slow_stack, FINISHED, task_id)
    unheard = submit(slow_stack)
    wait_until(lambda: slow_stack.pids["worker"] not in {0, deaf}, "another worker has started")
    finished_task(slow_stack, unheard)
    finished_task(slow_stack, task_id)
    assert set(recorded) <= set(rows(slow_stack, FINISHED, task_id)), "a recorded effect was repeated"
    assert "worker_deaf" in slow_stack.paths.log("worker").read_text()


def test_a_control_worker_killed_in_the_fan_out_is_replaced_and_nothing_is_lost(slow_stack: Stack) -> None:
    slow_stack.wait_healthy()
    task_id = submit(slow_stack)
    wait_until(lambda: in_the_middle(slow_stack, task_id), "the fan-out is half done")
    os.kill(slow_stack.pids["control"], signal.SIGKILL)
    finished_task(slow_stack, task_id)
    attempts = rows(slow_stack, "SELECT DISTINCT attempt FROM orchestration_step WHERE task_id = %s", task_id)
    assert attempts == [(1,)]


def test_the_control_worker_loads_no_model_library(stack: Stack) -> None:
    pids = stack.pids
    memory_bytes = {role: psutil.Process(pids[role]).memory_info().rss for role in ("control", "worker")}
    assert memory_bytes["control"] < memory_bytes["worker"] - 100 * 1024**2  # the library alone takes 177 MB


def test_a_worker_is_healthy_only_when_its_models_are_loaded(slow_stack: Stack) -> None:
    slow_stack.wait_healthy()
    killed = slow_stack.pids["worker"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: slow_stack.pids["worker"] not in {0, killed}, "another worker has started")
    slow_stack.wait_healthy()
    loaded = {role: _libraries(slow_stack.pids[role]) for role in ("worker", "control")}
    assert "tiktoken" in loaded["worker"]  # the model library brings it, and this worker has taken no step yet
    assert "tiktoken" not in loaded["control"]


def _libraries(pid: int) -> str:
    return " ".join(part.path for part in psutil.Process(pid).memory_maps())
