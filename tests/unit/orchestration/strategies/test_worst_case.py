"""No strategy asks models more often than the dry run says it may, whatever models answer and whichever steps fail."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.roles.role import shipped_roles
from orchestration.strategies import OFFERED
from orchestration.strategies.workflow import Node, Workflow
from orchestration.types import StepKind, StepSpec
from orchestration.workflows.calls import DEFAULT_ROLE, most_model_calls
from orchestration.workflows.estimate import dry_run
from tests.unit.orchestration.strategies.drawing import parameters_of
from tests.unit.orchestration.strategies.played import Engine

ROLES = shipped_roles()
CALLS_OF_A_FORM = 2  # one that does not fit is asked for once more


def most_calls_of(specs: Iterable[StepSpec]) -> int:
    """Return how often models are asked if every step that was made goes to its own limit."""
    most = 0
    for spec in specs:
        match spec.kind:
            case StepKind.DECIDE:
                most += CALLS_OF_A_FORM
            case StepKind.AGENT:
                role = ROLES.get(spec.input.get("role") or DEFAULT_ROLE) or ROLES[DEFAULT_ROLE]
                most += role.max_turns + 1
            case StepKind.PLAN | StepKind.SYNTHESIZE:
                most += 1
    return most


@pytest.mark.parametrize("name", sorted(set(OFFERED) - {"template"}))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_strategy_makes_no_more_steps_than_its_parameters_allow(name: str, data: st.DataObject) -> None:
    parameters = data.draw(parameters_of(name))
    engine = Engine(OFFERED[name], parameters, data)
    engine.run()
    node = Node(id="one", instruction="x", strategy=name, parameters=parameters)
    assert most_calls_of(engine.specs.values()) <= most_model_calls(name, node, ROLES)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_template_stays_within_what_its_dry_run_says(data: st.DataObject) -> None:
    engine = Engine(OFFERED["template"], {}, data)
    template = engine.parameters["template"]
    engine.run()
    told = dry_run(Workflow.model_validate(template["workflow"]), template["inputs"], roles=ROLES)
    assert most_calls_of(engine.specs.values()) <= told["worst_case"]["model_calls"]
    by_node = {node["id"]: node["worst_case"]["model_calls"] for node in told["nodes"]}
    for name, most in by_node.items():
        own = [
            spec for key, spec in engine.specs.items() if key.replace("@", ".").partition("/")[0].split(".")[0] == name
        ]
        assert most_calls_of(own) <= most, name
