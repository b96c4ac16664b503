"""The demo's job on real data: decomposed, fanned out over a chord, computed in the sandbox, answered."""

import re
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from tests.acceptance.conftest import Stack
from tests.acceptance.stocks import CSV, REQUEST, expected

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def run(stack: Stack) -> dict[str, Any]:
    """The finished task, as the API gives it."""
    session_id = f"stocks-{uuid4().hex}"
    headers = {"X-API-Key": stack.api_key}
    with httpx.Client(base_url=stack.base_url, headers=headers, timeout=60) as http:
        put = http.put(f"/api/v1/sessions/{session_id}/files/stocks.csv", content=CSV.read_bytes())
        put.raise_for_status()
    with ShannonClient(base_url=stack.base_url, api_key=stack.api_key) as client:
        handle = client.submit_task(REQUEST, session_id=session_id)
        status = client.wait(handle.task_id, timeout=120, poll_interval=0.1)
        assert status.status is TaskStatusEnum.COMPLETED, status.error_message
        return {"task_id": handle.task_id, "result": status.result, "metadata": status.metadata}


def test_there_is_one_subtask_for_each_company_and_one_synthesis(stack: Stack, run: dict[str, Any]) -> None:
    with psycopg.connect(stack.database_url) as connection:
        rows = connection.execute(
            "SELECT kind, title, status FROM orchestration_step WHERE task_id = %s ORDER BY position", [run["task_id"]]
        ).fetchall()
    assert [row[0] for row in rows] == ["plan", *["agent"] * 5, "synthesize"]
    assert {row[2] for row in rows} == {"succeeded"}
    titles = " ".join(row[1] for row in rows)
    assert all(symbol in titles for symbol in expected())


def test_every_company_was_computed_by_python_in_the_sandbox(stack: Stack, run: dict[str, Any]) -> None:
    with psycopg.connect(stack.database_url) as connection:
        rows = connection.execute(
            "SELECT key, response FROM agents_journalentry"
            " WHERE task_id = %s AND kind = 'tool' AND status = 'finished'",
            [run["task_id"]],
        ).fetchall()
    ran = [row[1] for row in rows if row[0] == "python"]
    assert len(ran) >= 5
    assert all(response["ok"] and response["output"]["exit_code"] == 0 for response in ran)


def test_the_computed_numbers_are_right(run: dict[str, Any]) -> None:
    rows = {cells[0].strip("* "): cells[1:] for cells in _table(run["result"])}
    for symbol, figures in expected().items():
        numbers = [_number(cell) for cell in rows[symbol]]
        for name, value in (
            ("growth", figures.growth),
            ("volatility", figures.volatility),
            ("worst drawdown", figures.worst_drawdown),
        ):
            assert any(_same(value, number) for number in numbers if number is not None), (symbol, name, value, numbers)


def test_the_answer_names_who_did_best_for_its_risk(run: dict[str, Any]) -> None:
    assert re.search(r"best for its risk", run["result"], re.IGNORECASE)
    assert any(symbol in run["result"] for symbol in expected())


def test_the_answer_says_that_the_offline_model_wrote_it(run: dict[str, Any]) -> None:
    assert "offline model" in run["result"]


def test_the_jobs_went_over_celery_and_flower_saw_them(stack: Stack, run: dict[str, Any]) -> None:
    page = httpx.get(f"{stack.flower_url}tasks", timeout=30)
    assert page.status_code == 200
    with psycopg.connect(stack.database_url) as connection:
        owners = connection.execute(
            "SELECT count(*) FROM orchestration_event WHERE task_id = %s AND kind = 'AGENT_STARTED'", [run["task_id"]]
        ).fetchone()
    assert owners == (7,)


def test_the_budgets_of_task_session_and_tenant_hold_what_the_calls_cost(stack: Stack, run: dict[str, Any]) -> None:
    with psycopg.connect(stack.database_url) as connection:
        journal = connection.execute(
            "SELECT sum(prompt_tokens + completion_tokens), sum(cost_usd) FROM agents_journalentry"
            " WHERE task_id = %s AND kind = 'model'",
            [run["task_id"]],
        ).fetchone()
        budget = connection.execute(
            "SELECT spent_tokens, spent_usd, reserved_tokens FROM policy_budget WHERE scope = 'task' AND scope_id = %s",
            [run["task_id"]],
        ).fetchone()
    assert journal is not None
    assert budget is not None
    assert budget[0] == journal[0] > 0
    assert budget[1] == journal[1] > 0
    assert budget[2] == 0


def test_metrics_of_web_and_worker_are_on_one_page(stack: Stack, run: dict[str, Any]) -> None:
    text = httpx.get(f"{stack.base_url}/metrics", timeout=30).text
    for name in (
        "shannon_orchestration_tasks_submitted_total",
        "shannon_orchestration_tasks_ended_total",
        "shannon_orchestration_steps_ended_total",
        "shannon_model_tokens_total",
        "shannon_model_cost_usd_total",
        "shannon_sandbox_runs_total",
        "django_http_requests_total_by_method_total",
    ):
        assert re.search(rf"^{name}(\{{.*\}})? [1-9]", text, re.MULTILINE) or re.search(
            rf"^{name}(\{{.*\}})? 0\.\d*[1-9]", text, re.MULTILINE
        ), name


def _table(markdown: str) -> list[list[str]]:
    """Return the cells of all Markdown table rows."""
    lines = [line for line in markdown.splitlines() if line.strip().startswith("|")]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def _number(cell: str) -> float | None:
    """Return a cell's number as a fraction; percentages are divided by 100."""
    found = re.search(r"[-−+]?\d[\d,]*\.?\d*", cell)
    if found is None:
        return None
    value = float(found.group().replace("−", "-").replace(",", ""))
    return value / 100 if "%" in cell else value


def _same(expected_value: float, shown: float) -> bool:
    """Compare with what a table can show: four significant digits, or two decimals of a percentage."""
    return abs(expected_value - shown) <= max(abs(expected_value) * 1e-3, 5.1e-5)
