"""The list of strategies, and what a submit says to parameters and switches."""

import json
import re
from typing import Any

import pytest

from orchestration.models import Task
from orchestration.strategies import OFFERED
from tests.integration.api.callers import Caller


def submit(caller: Caller, body: dict[str, Any]) -> Any:
    return caller.client.post("/api/v1/tasks", data=json.dumps(body), content_type="application/json")


pytestmark = pytest.mark.django_db(transaction=True)


def test_every_strategy_is_listed_with_the_schema_of_its_parameters(caller: Caller) -> None:
    listed = caller.client.get("/api/v1/strategies").json()["strategies"]
    assert [item["name"] for item in listed] == list(OFFERED)
    by_name = {item["name"]: item for item in listed}
    assert by_name["dag"]["modes"] == ["standard", "complex", "dag"]
    depth = by_name["tree_of_thoughts"]["parameters"]["properties"]["depth"]
    assert (depth["minimum"], depth["maximum"], depth["default"]) == (1, 5, 2)
    assert by_name["tree_of_thoughts"]["degrades_to"] == "chain_of_thought"
    assert by_name["swarm"]["parts"] == {"lead": "large", "work": None, "synthesize": "medium"}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"mode": "debate", "strategy_parameters": {"sides": 9}}, "strategy_parameters.sides"),
        ({"mode": "debate", "strategy_parameters": {"colour": 1}}, "colour"),
        ({"mode": "debate", "strategy_parameters": {"tiers": {"referee": "small"}}}, "referee"),
        ({"mode": "debate", "strategy_parameters": {"models": ["openai/nobody-allowed-this"]}}, "nobody-allowed-this"),
        ({"strategy_parameters": {"sides": 2}}, "name the mode"),
        ({"mode": "simple", "force_swarm": True}, "both asked for"),
        ({"mode": "debate", "context": {"skip_synthesis": True}}, "skip_synthesis"),
        ({"context": {"react_max_iterations": 3}}, "react_max_iterations"),
        ({"role": "wizard"}, "generalist"),
        ({"max_iterations": 3, "context": {"max_iterations": 4}}, "differ"),
        ({"context": {"system_prompt": "Speak like ${who}", "prompt_params": {}}}, "who"),
        ({"response_format": {"type": "xml"}}, "json_schema"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"schema": {"$ref": "http://127.0.0.1:1/schema.json"}},
                }
            },
            r"\$ref",
        ),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"pattern": "(a+)+$"}}}}, "pattern"),
    ],
)
def test_what_cannot_be_is_refused_by_name(caller: Caller, body: dict[str, Any], complaint: str) -> None:
    answer = submit(caller, {"query": "x", **body})
    assert answer.status_code == 400, answer.content
    assert re.search(complaint, answer.json()["error"]["message"])
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("body", "strategy", "kept"),
    [
        ({"force_swarm": True}, "swarm", {}),
        ({"context": {"force_swarm": "true"}}, "swarm", {}),
        ({"mode": "supervisor"}, "supervisor", {}),
        ({"mode": "react", "context": {"max_iterations": 4}}, "react", {"strategy": {"max_iterations": 4}}),
        ({"mode": "dag", "context": {"skip_synthesis": True}}, "dag", {"strategy": {"synthesize": False}}),
        ({"query": "Compare Berlin, Paris and Rome", "context": {"skip_synthesis": True}}, "simple", {}),
        ({"query": "Compare Berlin, Paris and Rome", "role": "analyst"}, "simple", {"role": "analyst"}),
        ({"context": {"model_tier": "small", "max_concurrent_agents": 2}}, "simple", {"model_tier": "small"}),
        (
            {"context": {"system_prompt": "Speak like ${who}", "prompt_params": {"who": "Ada"}}},
            "simple",
            {"system_prompt": "Speak like Ada"},
        ),
    ],
)
def test_what_the_official_client_can_send_works(
    caller: Caller, body: dict[str, Any], strategy: str, kept: dict[str, Any]
) -> None:
    answer = submit(caller, {"query": "What is 2 + 2?", **body})
    assert answer.status_code == 200, answer.content
    task = Task.objects.get()
    assert task.strategy == strategy
    assert {name: task.parameters[name] for name in kept} == kept
