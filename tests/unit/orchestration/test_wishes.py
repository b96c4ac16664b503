"""Everything by which a request may steer: each field and key of the context works, or is refused by its name."""

from typing import Any

import pytest

from agents.selectors import role_names
from orchestration.budget_options import budget_of
from orchestration.errors import UnsupportedOption
from orchestration.options import (
    CONTEXT_NOT_AVAILABLE,
    FIELDS_OF_CONTEXT,
    STRATEGY_OF_MODE,
    approval_options,
    context_check,
    mode_check,
    model_check,
    review_options,
    with_fields_of_context,
)
from orchestration.types import Priority, TaskRequest
from orchestration.wishes import RESEARCH_DEPTHS, Wishes, wishes_of
from shannon_project.foundation.errors import InvalidInput

SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "sum", "schema": SCHEMA}}

# What is given, as a field or as a key of the context; what must be given with it; what becomes of it.
WORK: list[tuple[str, Any, dict[str, Any], dict[str, Any]]] = [
    *[("mode", mode, {"template": "t"} if mode == "template" else {}, {"mode": mode}) for mode in STRATEGY_OF_MODE],
    *[
        ("research_strategy", depth, {}, {"mode": "research", "parameters": {"depth": depth}})
        for depth in RESEARCH_DEPTHS
    ],
    ("enable_verification", True, {"mode": "research"}, {"parameters": {"verify": True}}),
    ("enable_verification", False, {"mode": "research"}, {"parameters": {"verify": False}}),
    ("force_swarm", True, {}, {"mode": "swarm"}),
    ("max_concurrent_agents", 3, {}, {"max_concurrent_agents": 3}),
    ("max_iterations", 4, {}, {"max_turns": 4}),
    ("max_iterations", 4, {"mode": "react"}, {"parameters": {"max_iterations": 4}}),
    ("model_tier", "small", {}, {"model_tier": "small"}),
    ("response_format", FORMAT, {}, {"answer_schema": SCHEMA}),
    ("response_format", {"type": "text"}, {}, {"answer_schema": None}),
    ("role", "writer", {}, {"role": "writer", "mode": "simple"}),
    ("strategy_parameters", {"samples": 3}, {"mode": "chain_of_thought"}, {"parameters": {"samples": 3}}),
    ("template", "comparison@2", {}, {"mode": "template", "template": "comparison@2"}),
    ("template_inputs", {"a": 1}, {"template": "comparison"}, {"template_inputs": {"a": 1}}),
]
IN_CONTEXT_ONLY: list[tuple[str, Any, dict[str, Any], dict[str, Any]]] = [
    ("force_research", True, {}, {"mode": "research"}),
    ("force_research", "true", {}, {"mode": "research"}),
    ("enable_citations", False, {"mode": "research"}, {"parameters": {"citations": False}}),
    ("iterative_research_enabled", False, {"mode": "research"}, {"parameters": {"rounds": 1}}),
    ("react_max_iterations", 5, {"mode": "react"}, {"parameters": {"max_iterations": 5}}),
    ("skip_synthesis", True, {}, {"mode": "simple"}),
    ("skip_synthesis", True, {"mode": "dag"}, {"parameters": {"synthesize": False}}),
    ("system_prompt", "Be brief.", {}, {"system_prompt": "Be brief."}),
    ("prompt_params", {"x": 1}, {"context": {"system_prompt": "Say ${x}."}}, {"system_prompt": "Say 1."}),
]


def wanted(**request: Any) -> Wishes:
    return wishes_of(TaskRequest(query="x", **request), roles=role_names())


def shows(wishes: Wishes, expected: dict[str, Any]) -> bool:
    return all(getattr(wishes, name) == value for name, value in expected.items())


@pytest.mark.parametrize(("name", "value", "also", "expected"), WORK, ids=lambda value: str(value)[:40])
def test_a_field_works(name: str, value: Any, also: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shows(wanted(**{name: value, **also}), expected)


@pytest.mark.parametrize(
    ("name", "value", "also", "expected"),
    WORK + IN_CONTEXT_ONLY,
    ids=lambda value: str(value)[:40],
)
def test_a_key_of_the_context_works_alike(
    name: str, value: Any, also: dict[str, Any], expected: dict[str, Any]
) -> None:
    context = {**also.get("context", {}), name: value}
    request = with_fields_of_context(TaskRequest(query="x", **{**also, "context": context}))
    assert shows(wishes_of(request, roles=role_names()), expected)


@pytest.mark.parametrize("name", FIELDS_OF_CONTEXT)
def test_a_field_that_only_a_task_has_is_named_in_the_context_of_a_schedule_too(name: str) -> None:
    def asked(in_context: Any, **field: Any) -> TaskRequest:
        return TaskRequest(query="x", context={name: in_context}, **field)

    assert getattr(with_fields_of_context(asked("dag")), name) == "dag"
    assert getattr(with_fields_of_context(asked(None)), name) in {None, ""}
    assert with_fields_of_context(asked("dag", **{name: "dag"})) == asked("dag", **{name: "dag"})
    with pytest.raises(InvalidInput, match=f"{name}: the field and the key"):
        with_fields_of_context(asked("dag", **{name: "react"}))
    with pytest.raises(InvalidInput, match=f"context.{name}: must be a text"):
        with_fields_of_context(asked(1))


def test_every_field_of_a_request_has_a_case_here_or_a_test_of_its_own() -> None:
    elsewhere = {
        "query",
        "session_id",
        "context",
        "conversation",
        "system",
        "sampling",
        "max_output_tokens",
        "require_approval",
        "skill",
        "priority",
        "model_override",
        "provider_override",
    }
    assert {name for name, *_ in WORK} | elsewhere == set(TaskRequest.__dataclass_fields__)


def test_budgets_approvals_and_reviews_of_the_context_work() -> None:
    context = {"budget_max": 5_000, "budget_agent_max": 900, "budget": {"session": {"usd": "2"}}}
    asked = budget_of(context)
    assert (asked.task.tokens, asked.step.tokens, str(asked.session.usd)) == (5_000, 900, "2")
    assert approval_options({"require_approval": True, "approval_timeout_seconds": 60}) == (True, 60.0)
    assert review_options({"require_review": True, "review_timeout": 60, "review_default": "approve"}) == {
        "timeout_seconds": 60.0,
        "approve_by_default": True,
    }
    assert review_options({"review_plan": "manual"}) is not None
    assert review_options({"review_plan": "auto"}) is None
    assert TaskRequest(query="x").priority is Priority.NORMAL


@pytest.mark.parametrize("name", sorted(CONTEXT_NOT_AVAILABLE))
def test_a_key_that_steers_the_reference_system_and_nothing_here_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedOption, match=name):
        context_check({name: 1})
    context_check({name: None})


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"mode": "simple", "context": {"enable_citations": True}}, "enable_citations"),
        ({"mode": "dag", "enable_verification": True}, "enable_verification"),
        ({"context": {"enable_verification": "true"}}, "enable_verification"),
        ({"mode": "dag", "context": {"iterative_research_enabled": True}}, "iterative_research_enabled"),
        ({"mode": "swarm", "context": {"skip_synthesis": True}}, "skip_synthesis"),
        ({"mode": "dag", "context": {"react_max_iterations": 3}}, "react_max_iterations"),
    ],
)
def test_a_switch_without_effect_in_the_mode_is_refused_by_name(request_: dict[str, Any], name: str) -> None:
    with pytest.raises(UnsupportedOption, match=name):
        wanted(**request_)


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"force_swarm": True, "mode": "dag"}, "mode: dag and swarm"),
        ({"force_swarm": True, "research_strategy": "quick"}, "mode: research and swarm"),
        ({"template": "t", "mode": "dag"}, "mode: dag and template"),
        ({"mode": "template"}, "template: name the template"),
        ({"template_inputs": {"a": 1}}, "template_inputs: name the template"),
        ({"strategy_parameters": {"samples": 3}}, "strategy_parameters: name the mode"),
        ({"role": "writer", "context": {"role": "analyst"}}, "role: the field and the key"),
        ({"role": "king"}, "role: 'king' is unknown"),
        ({"research_strategy": "bottomless"}, "research_strategy: 'bottomless' is unknown"),
        ({"context": {"force_swarm": "perhaps"}}, "context.force_swarm"),
        ({"context": {"max_concurrent_agents": 21}}, "max_concurrent_agents: must be"),
        ({"context": {"max_iterations": 0}}, "max_iterations: must be"),
        ({"context": {"model_tier": "huge"}}, "model_tier: 'huge' is unknown"),
        ({"context": {"prompt_params": {"a": 1}}}, "system_prompt"),
        ({"context": {"system_prompt": "Say ${name}.", "prompt_params": {"x": 1}}}, "cannot be filled in"),
        ({"response_format": {"type": "xml"}}, "response_format: must be"),
        (
            {"response_format": {**FORMAT, "json_schema": {"name": "x", "schema": {"pattern": "a"}}}},
            "response_format: `pattern`",
        ),
    ],
)
def test_what_contradicts_or_cannot_be_is_refused_by_name(request_: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        wanted(**request_)


def test_a_provider_chosen_by_itself_and_an_unknown_mode_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedOption, match="provider_override"):
        model_check(TaskRequest(query="x", provider_override="openai"))
    with pytest.raises(InvalidInput, match="mode: 'fast'"):
        mode_check("fast")


@pytest.mark.parametrize(
    ("query", "tier"),
    [("Who wrote Middlemarch?", "small"), ("Compare Berlin, Paris and Rome as places to live", "large")],
)
def test_a_tier_may_be_left_to_the_form_of_the_request(query: str, tier: str) -> None:
    assert wishes_of(TaskRequest(query=query, model_tier="auto"), roles=role_names()).model_tier == tier
