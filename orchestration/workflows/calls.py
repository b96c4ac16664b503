"""How many model calls a strategy makes at most, by its parameters. Pure."""

from collections.abc import Callable, Mapping

from agents.selectors import Role
from orchestration.strategies import OFFERED
from orchestration.strategies.workflow import COMBINE, Node

DEFAULT_ROLE = "generalist"
_REPAIRED = 2  # a form that does not fit is asked for once more


def role_of(node: Node, roles: Mapping[str, Role]) -> Role:
    """Return the role of a node's agents; one that is gone meanwhile counts as the default one."""
    return roles.get(node.role or DEFAULT_ROLE) or roles[DEFAULT_ROLE]


def most_model_calls(strategy: str, node: Node, role: Role) -> int:
    """Return the most model calls that a node takes with a strategy, each agent at its limit of turns."""
    turns = role.max_turns + 1  # one more for an answer in the wrong format
    if strategy == COMBINE:
        return 1
    given = node.parameters if strategy == node.strategy else {}
    values = OFFERED[strategy].parameters.model_validate(given).model_dump()
    counts: dict[str, Callable[[], int]] = {
        "simple": lambda: turns,
        "dag": lambda: 2 + (values["max_subtasks"] or 20) * turns + 1,
        "react": lambda: values["max_iterations"] * _REPAIRED,
        "chain_of_thought": lambda: (values["samples"] + 1) * _REPAIRED,
        "reflection": lambda: (values["max_rounds"] + 1) * (turns + _REPAIRED),
        "debate": lambda: (values["sides"] * max(values["rounds"], 2) + 1) * _REPAIRED,
        "tree_of_thoughts": lambda: (values["depth"] * (values["beam"] + 1)) * _REPAIRED + turns,
        "supervisor": lambda: values["max_rounds"] * _REPAIRED + values["max_tasks"] * turns + 1,
        "swarm": lambda: values["max_rounds"] * (_REPAIRED + values["max_agents"] * turns) + 1,
        "research": lambda: 200,
    }
    return counts[strategy]()
