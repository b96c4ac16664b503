"""Every strategy on the real stack, with real workers: on the offline model, and on a real local one where it is."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from shannon import ShannonClient
from shannon.models import TaskStatusEnum

from orchestration.strategies import OFFERED
from tests.acceptance.conftest import Stack, stack_running, wait_until
from tests.acceptance.local_models import (
    HAS_LOCAL,
    LOCAL,
    LOCAL_CASES,
    REFUSALS,
    local_model,
    local_model_add,
    shape_check,
)
from tests.integration.orchestration.strategies.asked import OF_THE_WEB, OPEN, SUM, THREE
from tests.integration.orchestration.strategies.corpus import web_running

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and what is seen of the strategy that works on it.

    `steps`: keys that there are, in this order among each other. `events`: kinds that are told.
    """

    query: str
    steps: tuple[str, ...]
    says: str
    events: frozenset[str] = frozenset()
    fields: Mapping[str, Any] = field(default_factory=dict)


CASES: Final[Mapping[str, Case]] = {
    "simple": Case(SUM, ("agent",), "119", frozenset({"TOOL_INVOKED"})),
    "dag": Case(THREE, ("plan", "agent-s1", "agent-s2", "agent-s3", "synthesize"), "144", frozenset({"DELEGATION"})),
    "react": Case(SUM, ("think-1", "act-1", "think-2"), "119", frozenset({"AGENT_THINKING", "TOOL_INVOKED"})),
    "chain_of_thought": Case(
        SUM, ("chain-1", "chain-2", "chain-3"), "119", fields={"strategy_parameters": {"samples": 3}}
    ),
    "reflection": Case(
        "Tell me the secret of the universe",
        ("draft-0", "critique-0", "draft-1", "critique-1"),
        "offline",
        frozenset({"PROGRESS"}),
        {"strategy_parameters": {"max_rounds": 1}},
    ),
    "debate": Case(
        OPEN,
        ("side-1-round-1", "side-2-round-2", "judge"),
        "",
        frozenset({"PROGRESS"}),
        {"strategy_parameters": {"sides": 2}},
    ),
    "tree_of_thoughts": Case(
        "Plan a week in Rome for a child", ("expand-1-1", "score-1", "expand-2-1", "score-2", "answer"), ""
    ),
    "supervisor": Case(
        THREE,
        ("lead-1", "work-1-1", "work-1-3", "lead-2", "synthesize"),
        "144",
        frozenset({"LEAD_DECISION", "TEAM_RECRUITED", "ROLE_ASSIGNED", "TASKLIST_UPDATED"}),
    ),
    "swarm": Case(
        THREE,
        ("lead-1", "lead-2", "synthesize"),
        "81",
        frozenset({"LEAD_DECISION", "WORKSPACE_UPDATED", "TEAM_STATUS", "TASKLIST_UPDATED"}),
    ),
    "research": Case(
        OF_THE_WEB[0],
        ("research-plan", "search-1-1-1", "fetch-1", "findings-1-1", "coverage-1", "report", "verify-1"),
        "61 species",
        frozenset({"PROGRESS", "TOOL_INVOKED"}),
    ),
    "template": Case(
        "Work these out",
        ("compute.1/agent", "check.2/chain-3", "list/combine"),
        "42",
        fields={"template": "calculation", "template_inputs": {"expressions": ["6 * 7", "2 + 3"]}},
    ),
}


@pytest.fixture(scope="module")
def ways() -> Iterator[Stack]:
    """One stack for all: the offline model, a web to search and read, and the local model where it is installed."""
    with ExitStack() as held:
        web = held.enter_context(web_running())
        told = {
            **web.variables,
            "SHANNON_MODEL_TIMEOUT_SECONDS": "550",  # a processor writes slowly what a provider writes at once
            "SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS": "500",
        }
        stack = held.enter_context(stack_running(told))
        if HAS_LOCAL:
            local_model_add(stack, held.enter_context(local_model()))
        yield stack


@pytest.fixture
def client(ways: Stack) -> Iterator[ShannonClient]:
    with ShannonClient(base_url=ways.base_url, api_key=ways.api_key) as connected:
        yield connected


def submit(stack: Stack, query: str, **fields: Any) -> str:
    answer = httpx.post(
        f"{stack.base_url}/api/v1/tasks",
        json={"query": query, **fields},
        headers={"X-API-Key": stack.api_key},
        timeout=30.0,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task_id"])


def test_every_strategy_that_is_offered_has_a_case() -> None:
    assert set(CASES) == set(OFFERED)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_strategy_takes_a_request_to_its_answer_and_shows_how(name: str, ways: Stack, client: ShannonClient) -> None:
    case = CASES[name]
    task_id = submit(ways, case.query, mode=name, **case.fields)
    done = client.wait(task_id, timeout=90, poll_interval=0.05)
    assert done.status is TaskStatusEnum.COMPLETED, done
    assert case.says in done.result
    timeline = client.get_task_timeline(task_id)
    keys = [step["step_key"] for step in timeline["steps"]]
    assert [key for key in keys if key in case.steps] == list(case.steps)
    assert timeline["strategy"] == name
    assert timeline["usage"]["total_tokens"] == sum(step["usage"]["total_tokens"] for step in timeline["steps"]) > 0
    events = {event.type: event for event in client.get_task_events(task_id)}
    assert case.events <= set(events)
    if name == "simple":
        assert keys == ["agent"], "one agent, and nothing behind the scenes"


def test_the_router_chooses_without_being_asked_and_says_why(ways: Stack, client: ShannonClient) -> None:
    task_id = submit(ways, "Compare 6 * 7, 8 * 9 and 5 * 5, each by its last digit")
    assert client.wait(task_id, timeout=90, poll_interval=0.05).status is TaskStatusEnum.COMPLETED
    address = f"{ways.base_url}/api/v1/tasks/{task_id}/events"
    events = httpx.get(address, headers={"X-API-Key": ways.api_key}, timeout=30.0).json()["events"]
    payload = next(event["payload"] for event in events if event["type"] == "WORKFLOW_STARTED")
    assert payload["strategy"] == payload["route"]["strategy"] == "dag"
    assert payload["route"]["score"] >= 0.5
    assert payload["route"]["reasons"]


def test_a_person_reviews_the_plan_of_research_with_the_official_client(ways: Stack, client: ShannonClient) -> None:
    task_id = submit(ways, CASES["research"].query, research_strategy="quick", context={"require_review": True})

    def waits(number: int) -> bool:
        state = client.get_review_state(task_id)
        return bool(state.status == "reviewing" and state.round == number)

    wait_until(lambda: waits(1), "the plan of research is there")
    assert "search:" in (client.get_review_state(task_id).current_plan or "")
    client.submit_review_feedback(task_id, "honey bees compete with wild bees", version=1)
    wait_until(lambda: waits(2), "the plan was made again")
    assert "honey bees compete" in (client.get_review_state(task_id).current_plan or "")
    assert {step["kind"] for step in client.get_task_timeline(task_id)["steps"]} == {"decide", "review"}
    client.approve_review(task_id, version=3)
    done = client.wait(task_id, timeout=90, poll_interval=0.05)
    assert done.status is TaskStatusEnum.COMPLETED
    assert "compete with wild bees" in done.result


def test_every_strategy_that_is_offered_has_a_case_for_the_local_model() -> None:
    assert set(LOCAL_CASES) == set(OFFERED)


@pytest.mark.skipif(not HAS_LOCAL, reason="requirements-local.txt is not installed")
@pytest.mark.parametrize("name", sorted(LOCAL_CASES))
def test_a_strategy_runs_on_a_real_model_to_an_answer_or_says_what_the_model_could_not_do(
    name: str, ways: Stack, client: ShannonClient
) -> None:
    case = LOCAL_CASES[name]
    asked = {"role": "terse", "model_override": LOCAL, "max_concurrent_agents": 1}
    parameters = dict(case.parameters)
    task_id = submit(ways, case.query, mode=name, strategy_parameters=parameters, **asked, **case.fields)
    done = client.wait(task_id, timeout=840, poll_interval=0.2)
    timeline = client.get_task_timeline(task_id)
    error = timeline["error"] or {}
    ended_well = done.status is TaskStatusEnum.COMPLETED and bool(done.result)
    assert ended_well or (error["code"] in REFUSALS and error["message"]), error
    assert timeline["strategy"] == name
    shape_check(case, [step["step_key"] for step in timeline["steps"]])
    assert {step["status"] for step in timeline["steps"]} <= {"succeeded", "failed", "skipped"}
    told_check(ways, task_id, timeline)


def told_check(stack: Stack, task_id: str, timeline: Mapping[str, Any]) -> None:
    """Check that events have no gap, that each step is told to end once, and that each call of the model is paid."""
    answer = httpx.get(
        f"{stack.base_url}/api/v1/tasks/{task_id}/events", headers={"X-API-Key": stack.api_key}, timeout=30.0
    )
    events = answer.json()["events"]
    assert [event["seq"] for event in events] == list(range(1, timeline["events"] + 1))
    assert events[-1]["type"] == "STREAM_END"
    assert {event["message"] for event in events if event["type"] == "LLM_PROMPT"} == {f"Asking {LOCAL}"}
    outputs = [event["payload"] for event in events if event["type"] == "LLM_OUTPUT"]
    calls = [payload for payload in outputs if not payload.get("is_final")]
    assert timeline["usage"]["total_tokens"] == sum(step["usage"]["total_tokens"] for step in timeline["steps"])
    paid = timeline["usage"]["total_tokens"] - sum(call["prompt_tokens"] + call["completion_tokens"] for call in calls)
    is_repeated = any(call["attempts"] > 1 for call in calls) or "ERROR_RECOVERY" in {event["type"] for event in events}
    assert paid == 0 or (is_repeated and paid > 0), "what was broken off is paid as well, by an estimate"
    assert all(call["prompt_tokens"] > 0 for call in calls)
    ends = [event["step_key"] for event in events if event["type"] in {"AGENT_COMPLETED", "ERROR_OCCURRED"}]
    for step in timeline["steps"]:
        assert ends.count(step["step_key"]) == (step["status"] != "skipped"), step
