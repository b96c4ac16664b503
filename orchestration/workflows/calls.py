"""How many model calls a strategy makes at most, by its parameters. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from agents.selectors import Role
from orchestration.strategies import OFFERED
from orchestration.strategies.research.claims import MOST_BATCHES
from orchestration.strategies.research.depths import ResearchParameters
from orchestration.strategies.workflow import COMBINE, Node

DEFAULT_ROLE: Final = "generalist"
_REPAIRED: Final = 2  # a form that does not fit is asked for once more
ANY_ROLE: Final = frozenset({"dag", "supervisor", "swarm"})
"""Strategies in which a model chooses the agents' roles."""


def roles_in(strategy: str, node: Node, roles: Mapping[str, Role]) -> list[Role]:
    """Return the roles that agents of an attempt may have; one that is gone meanwhile counts as the default one."""
    if strategy in ANY_ROLE:
        return list(roles.values())
    return [roles.get(node.role or DEFAULT_ROLE) or roles[DEFAULT_ROLE]]


def most_model_calls(strategy: str, node: Node, roles: Mapping[str, Role]) -> int:
    """Return the most model calls that a node takes with a strategy, each agent at its limit of turns.

    What is asked again because a provider failed is not counted.
    """
    if strategy == COMBINE:
        return 1
    given = node.parameters if strategy == node.strategy else {}
    values = OFFERED[strategy].parameters.model_validate(given).model_dump()
    # one more for an answer in the wrong format
    turns = max(role.max_turns for role in roles_in(strategy, node, roles)) + 1
    counts: dict[str, Callable[[], int]] = {
        "simple": lambda: turns,
        "dag": lambda: 2 + (values["max_subtasks"] or 20) * turns + 1,
        "react": lambda: values["max_iterations"] * _REPAIRED + 1,
        "chain_of_thought": lambda: (values["samples"] + 1) * _REPAIRED,
        "reflection": lambda: (values["max_rounds"] + 1) * (turns + _REPAIRED),
        "debate": lambda: (values["sides"] * max(values["rounds"], 2) + 1) * _REPAIRED,
        "tree_of_thoughts": lambda: (values["depth"] * (values["beam"] + 1)) * _REPAIRED + turns,
        "supervisor": lambda: values["max_rounds"] * _REPAIRED + values["max_tasks"] * turns + 1,
        "swarm": lambda: values["max_rounds"] * (_REPAIRED + values["max_agents"] * turns) + 1,
        "research": lambda: _research(given),
    }
    return counts[strategy]()


def _research(given: Mapping[str, Any]) -> int:
    depth = ResearchParameters.model_validate(given).wanted
    notes, coverage = depth.rounds * depth.dimensions, depth.rounds - 1
    return (1 + notes + coverage + 1 + (MOST_BATCHES if depth.verify else 0)) * _REPAIRED
