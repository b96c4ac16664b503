"""The stack of `make up` under a supervisor: whoever is killed is started again, and the run goes on."""

import os
import signal
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import PATIENCE_SECONDS, Stack, wait_until
from tests.acceptance.stocks import CSV, REQUEST

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def _healthy(slow_stack: Stack) -> None:
    """Begin with every role at work: the test before may have killed one."""
    slow_stack.wait_healthy()


def submit(stack: Stack) -> str:
    session_id = f"fault-{uuid4().hex}"
    headers = {"X-API-Key": stack.api_key}
    with httpx.Client(base_url=stack.base_url, headers=headers, timeout=60) as http:
        http.put(f"/api/v1/sessions/{session_id}/files/stocks.csv", content=CSV.read_bytes()).raise_for_status()
        answer = http.post("/api/v1/tasks", json={"query": REQUEST, "session_id": session_id, "mode": "standard"})
        answer.raise_for_status()
        return str(answer.json()["task_id"])


def rows(stack: Stack, statement: str, task_id: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack.database_url) as connection:
        return connection.execute(statement, [task_id]).fetchall()


def in_the_middle(stack: Stack, task_id: str) -> bool:
    """Some agents have finished model calls, others have not, and a step is running."""
    (row,) = rows(
        stack,
        "SELECT count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE kind = 'agent'),"
        " (SELECT count(*) FROM agents_journalentry j WHERE j.task_id = max(s.task_id::text)::uuid"
        "  AND j.kind = 'model' AND j.status = 'finished')"
        " FROM orchestration_step s WHERE task_id = %s",
        task_id,
    )
    running, agents, calls = row
    return bool(running >= 2 and agents == 5 and calls >= 4)


FINISHED = (
    "SELECT step_id, position, attempt, finished_at FROM agents_journalentry"
    " WHERE task_id = %s AND status = 'finished' ORDER BY step_id, position"
)


def finished_task(stack: Stack, task_id: str) -> None:
    """The task ends well: every step once, events without gap, budget equal to the sum of the calls."""
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as client:
        status = client.wait(task_id, timeout=PATIENCE_SECONDS, poll_interval=0.1)
    assert status.status is TaskStatusEnum.COMPLETED, status.error_message
    steps = rows(stack, "SELECT status FROM orchestration_step WHERE task_id = %s", task_id)
    assert [step[0] for step in steps] == ["succeeded"] * 7
    seqs = [
        row[0] for row in rows(stack, "SELECT seq FROM orchestration_event WHERE task_id = %s ORDER BY seq", task_id)
    ]
    assert seqs == list(range(1, len(seqs) + 1))
    (journal,) = rows(
        stack,
        "SELECT sum(prompt_tokens + completion_tokens) FROM agents_journalentry WHERE task_id = %s AND kind = 'model'",
        task_id,
    )
    (budget,) = rows(
        stack,
        "SELECT spent_tokens, reserved_tokens FROM policy_budget WHERE scope = 'task' AND scope_id = %s",
        task_id,
    )
    assert budget == (journal[0], 0)


def test_a_worker_killed_in_the_fan_out_is_replaced_and_no_recorded_call_is_made_twice(slow_stack: Stack) -> None:
    task_id = submit(slow_stack)
    wait_until(lambda: in_the_middle(slow_stack, task_id), "the fan-out is half done")
    killed = slow_stack.pids["worker"]
    os.kill(killed, signal.SIGKILL)
    recorded = rows(slow_stack, FINISHED, task_id)
    wait_until(lambda: slow_stack.pids["worker"] not in {0, killed}, "another worker has started")
    finished_task(slow_stack, task_id)
    assert set(recorded) <= set(rows(slow_stack, FINISHED, task_id)), "a recorded effect was repeated"
    outputs = rows(
        slow_stack,
        "SELECT count(*) FROM orchestration_event WHERE task_id = %s AND kind = 'LLM_OUTPUT'"
        " AND agent_id <> 'final_output'",
        task_id,
    )
    calls = rows(
        slow_stack,
        "SELECT count(*) FROM agents_journalentry WHERE task_id = %s AND kind = 'model' AND status = 'finished'",
        task_id,
    )
    assert outputs == calls
    recoveries = rows(
        slow_stack,
        "SELECT count(*) FROM orchestration_event WHERE task_id = %s AND kind = 'ERROR_RECOVERY'",
        task_id,
    )
    assert recoveries[0][0] >= 1


def test_a_broker_killed_in_the_fan_out_loses_nothing(slow_stack: Stack) -> None:
    task_id = submit(slow_stack)
    wait_until(lambda: in_the_middle(slow_stack, task_id), "the fan-out is half done")
    killed = slow_stack.pids["valkey"]
    os.kill(killed, signal.SIGKILL)
    assert submit(slow_stack) != task_id  # accepted although the broker may still be away
    finished_task(slow_stack, task_id)


def server_answers(stack: Stack) -> bool:
    try:
        with psycopg.connect(stack.database_url, connect_timeout=1):
            return True
    except psycopg.OperationalError:
        return False


def test_postgres_killed_in_the_fan_out_robs_no_live_worker(slow_stack: Stack) -> None:
    task_id = submit(slow_stack)
    wait_until(lambda: in_the_middle(slow_stack, task_id), "the fan-out is half done")
    recorded = rows(slow_stack, FINISHED, task_id)
    killed = slow_stack.pids["postgres"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: slow_stack.pids["postgres"] not in {0, killed}, "Postgres is started again")
    wait_until(lambda: server_answers(slow_stack), "Postgres answers")
    finished_task(slow_stack, task_id)
    assert set(recorded) <= set(rows(slow_stack, FINISHED, task_id)), "a recorded effect was repeated"


def test_a_paused_task_stands_still_through_the_death_of_its_worker(slow_stack: Stack) -> None:
    task_id = submit(slow_stack)
    wait_until(lambda: in_the_middle(slow_stack, task_id), "the fan-out is half done")
    with ShannonClient(base_url=slow_stack.base_url, api_key=slow_stack.api_key) as client:
        assert client.pause_task(task_id, reason="lunch")
        running = "SELECT 1 FROM orchestration_step WHERE task_id = %s AND status = 'running'"
        wait_until(lambda: not rows(slow_stack, running, task_id), "what ran is set aside")
        recorded = rows(slow_stack, FINISHED, task_id)
        killed = slow_stack.pids["worker"]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: slow_stack.pids["worker"] not in {0, killed}, "another worker has started")
        finished_elsewhere = submit(slow_stack)
        finished_task(slow_stack, finished_elsewhere)
        assert rows(slow_stack, FINISHED, task_id) == recorded, "a paused task went on"
        assert client.resume_task(task_id)
    finished_task(slow_stack, task_id)
    assert set(recorded) <= set(rows(slow_stack, FINISHED, task_id)), "a recorded effect was repeated"
