"""Every strategy, whatever models answer and whichever steps fail: it ends, in order, and within its limits."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.strategies import OFFERED, Finish
from orchestration.strategies.research.claims import MOST_BATCHES
from orchestration.strategies.research.depths import ResearchParameters
from orchestration.types import StepKind, StepStatus
from tests.unit.orchestration.strategies.drawing import parameters_of
from tests.unit.orchestration.strategies.played import Engine


@pytest.mark.parametrize("name", sorted(OFFERED))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_it_always_ends_in_order_and_never_makes_a_step_twice(name: str, data: st.DataObject) -> None:
    engine = Engine(OFFERED[name], data.draw(parameters_of(name)), data)
    move = engine.run()
    if isinstance(move, Finish) and move.from_step:
        assert engine.views[move.from_step].status is StepStatus.SUCCEEDED


@pytest.mark.parametrize("name", ["supervisor", "swarm"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_team_never_grows_beyond_its_limits(name: str, data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of(name))
    engine = Engine(OFFERED[name], given_parameters, data)
    engine.run()
    agents = [spec for spec in engine.specs.values() if spec.kind is StepKind.AGENT]
    owners = {spec.input["agent_id"] for spec in agents if "agent_id" in spec.input}
    assert len(owners) <= given_parameters["max_agents"]
    assert engine.count(StepKind.DECIDE, "lead-") <= given_parameters["max_rounds"]
    if name == "supervisor":
        assert len(agents) <= max(given_parameters["max_tasks"], 1)
    known = ["python", "calculator"]
    assert all(tool in known for spec in agents for tool in spec.input.get("tools", []))


def most_steps(name: str, given_parameters: dict[str, Any]) -> dict[str, int]:
    """Return how many steps of each sort, by the beginning of their keys, a strategy may make with its parameters."""
    if name == "research":
        depth = ResearchParameters.model_validate(given_parameters).wanted
        searches = depth.dimensions * depth.queries + (depth.rounds - 1) * depth.dimensions
        pages = depth.rounds * depth.dimensions * depth.pages
        notes = depth.rounds * depth.dimensions
        last = {"report": 1, "verify-": MOST_BATCHES if depth.verify else 0}
        return {"search-": searches, "fetch-": pages, "findings-": notes, "coverage-": depth.rounds - 1, **last}
    one = {key: int(value) for key, value in given_parameters.items() if isinstance(value, int)}
    limits = {
        "simple": lambda: {"agent": 1},
        "dag": lambda: {"plan": 2, "agent-": min(one["max_subtasks"], 5), "synthesize": 1},
        "chain_of_thought": lambda: {"chain-": one["samples"], "judge": 1},
        "reflection": lambda: {"draft-": one["max_rounds"] + 1, "critique-": one["max_rounds"] + 1},
        "debate": lambda: {"side-": one["sides"] * one["rounds"], "member-": one["sides"], "ballot-": one["sides"]},
    }
    return limits[name]()


@pytest.mark.parametrize("name", ["simple", "dag", "chain_of_thought", "reflection", "debate", "research"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_more_steps_of_a_sort_are_made_than_the_parameters_allow(name: str, data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of(name))
    engine = Engine(OFFERED[name], given_parameters, data)
    engine.run()
    for prefix, most in most_steps(name, given_parameters).items():
        assert sum(key.startswith(prefix) for key in engine.specs) <= most, prefix


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_more_thoughts_of_a_chain_are_told_than_were_asked_for(data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of("chain_of_thought"))
    move = Engine(OFFERED["chain_of_thought"], given_parameters, data).run()
    if isinstance(move, Finish):
        assert len(move.metadata.get("thoughts", ())) <= given_parameters["max_thoughts"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_tree_never_has_more_thoughts_or_levels_than_allowed(data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of("tree_of_thoughts"))
    engine = Engine(OFFERED["tree_of_thoughts"], given_parameters, data)
    engine.run()
    assert engine.count(StepKind.DECIDE, "score-") <= given_parameters["depth"]
    beam = given_parameters["beam"]
    assert engine.count(StepKind.DECIDE, "expand-") <= 1 + beam * (given_parameters["depth"] - 1)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_reasoning_stops_at_its_last_iteration(data: st.DataObject) -> None:
    given_parameters = data.draw(parameters_of("react"))
    engine = Engine(OFFERED["react"], given_parameters, data)
    engine.run()
    assert engine.count(StepKind.DECIDE) <= given_parameters["max_iterations"]
    assert engine.count(StepKind.TOOL) < given_parameters["max_iterations"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_revision_that_loses_a_citation_is_never_the_answer(data: st.DataObject) -> None:
    engine = Engine(OFFERED["reflection"], data.draw(parameters_of("reflection")), data)
    move = engine.run()
    if isinstance(move, Finish) and "[1]" in str((engine.views["draft-0"].output or {}).get("text")):
        assert "[1]" in move.result


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_research_reads_no_page_twice_and_cites_only_pages_that_were_read(data: st.DataObject) -> None:
    engine = Engine(OFFERED["research"], data.draw(parameters_of("research")), data)
    move = engine.run()
    fetched = [
        spec.input["arguments"]["url"] for spec in engine.specs.values() if spec.input.get("tool") == "http_fetch"
    ]
    assert len(fetched) == len(set(fetched))
    if isinstance(move, Finish):
        citations = {str(citation["number"]): citation for citation in move.metadata["citations"]}
        text = move.result.split("## Sources")[0].split("## Claims that could not")[0].replace("[0, 1]", "")
        marks = re.findall(r"\[([^\]]*)\]", text)
        assert set(marks) == set(citations)
        assert "](" not in text
        assert len({citation["url"] for citation in citations.values()}) == len(citations)
        for citation in citations.values():
            page = engine.views[citation["step_key"]]
            assert page.output is not None
            assert page.output["result"]["output"]["url"] == citation["url"]
        claims = move.metadata["claims"]
        assert all(claim["sentence"] in {"The page says it.", ""} for claim in claims)
        assert all(claim["sentence"] for claim in claims if claim["verdict"] == "supported")
        if "verify-1" in engine.specs:
            assert {claim["source"] for claim in claims} >= set(re.findall(r"say it[^[]*\[(\d+)\]", text))
        assert len({(claim["claim"], claim["source"]) for claim in claims}) == len(claims)


@pytest.mark.parametrize("name", sorted(set(OFFERED) - {"template"}))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_step_that_asks_a_model_has_the_tier_that_the_request_gives_its_part(
    name: str, data: st.DataObject
) -> None:
    tiers = {part: data.draw(st.sampled_from(["small", "medium", "large"])) for part in OFFERED[name].parts}
    engine = Engine(OFFERED[name], {**data.draw(parameters_of(name)), "tiers": tiers}, data)
    engine.run()
    asking = [spec for spec in engine.specs.values() if spec.kind not in {StepKind.TOOL, StepKind.MESSAGE}]
    assert asking
    assert {spec.input.get("tier") for spec in asking} <= set(tiers.values())


@pytest.mark.parametrize("name", sorted(set(OFFERED) - {"template"}))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), tools=st.sampled_from([(), ("calculator",)]))
def test_a_node_of_a_template_hands_out_calls_and_tells_of_no_tool_that_it_does_not_list(
    name: str, data: st.DataObject, tools: tuple[str, ...]
) -> None:
    node: dict[str, Any] = {"id": "one", "instruction": "x", "strategy": name, "tools": list(tools)}
    node["parameters"] = data.draw(parameters_of(name))
    engine = Engine(OFFERED["template"], {}, data)
    engine.parameters["template"] = {"workflow": {"name": "drawn", "nodes": [node]}, "inputs": {}}
    engine.run()
    for spec in engine.specs.values():
        if spec.kind is StepKind.AGENT:
            assert set(spec.input["tools"]) <= set(tools)
        if spec.kind is StepKind.TOOL:
            assert set(spec.input["offered"]) <= set(tools)
        if spec.kind is StepKind.PLAN or "tools" in spec.input.get("shows", ()):
            assert set(spec.input["tools_shown"]) <= set(tools)


@pytest.mark.parametrize("name", sorted(OFFERED))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_answer_that_is_wanted_as_json_is_never_anything_else_and_is_asked_for_once(
    name: str, data: st.DataObject
) -> None:
    engine = Engine(OFFERED[name], data.draw(parameters_of(name)), data)
    engine.parameters["answer_schema"] = {"type": "object"}
    move = engine.run()
    if isinstance(move, Finish):
        assert isinstance(json.loads(move.result), dict)
    assert engine.count(StepKind.DECIDE, "answer-shape") <= 1
