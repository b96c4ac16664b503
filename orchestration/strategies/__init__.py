"""Strategies by name. They are pure and do not know each other."""

from collections.abc import Mapping
from typing import Any

from orchestration.strategies.affording import Degradation, Means, affordable
from orchestration.strategies.auto import AutoStrategy
from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, StrategyParameters, Told, Wait
from orchestration.strategies.chain_of_thought import ChainOfThoughtStrategy
from orchestration.strategies.dag import DagStrategy
from orchestration.strategies.debate import DebateStrategy
from orchestration.strategies.fanout import FanoutStrategy
from orchestration.strategies.learning import Lesson, Record, lesson_of, outcome_score
from orchestration.strategies.react import ReactStrategy
from orchestration.strategies.reflection import ReflectionStrategy
from orchestration.strategies.research import ResearchStrategy
from orchestration.strategies.reviewed import ReviewedStrategy
from orchestration.strategies.router import Route, route
from orchestration.strategies.shaping import next_move
from orchestration.strategies.simple import SimpleStrategy
from orchestration.strategies.supervisor import SupervisorStrategy
from orchestration.strategies.swarm import SwarmStrategy
from orchestration.strategies.template import TemplateStrategy
from orchestration.strategies.tool import ToolStrategy
from orchestration.strategies.tree_of_thoughts import TreeOfThoughtsStrategy

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        SimpleStrategy(),
        DagStrategy(),
        ReactStrategy(),
        ChainOfThoughtStrategy(),
        ReflectionStrategy(),
        DebateStrategy(),
        TreeOfThoughtsStrategy(),
        SupervisorStrategy(),
        SwarmStrategy(),
        ResearchStrategy(),
        ToolStrategy(),
        FanoutStrategy(),
    )
}
STRATEGIES["template"] = TemplateStrategy(dict(STRATEGIES))
STRATEGIES["auto"] = AutoStrategy(STRATEGIES)
OFFERED: dict[str, Strategy] = {name: strategy for name, strategy in STRATEGIES.items() if strategy.use_when}
"""Those that a request may choose."""

REVIEWED_BY_DEFAULT = "dag"
REVIEWABLE = frozenset(name for name, strategy in STRATEGIES.items() if strategy.plan_keys)
"""Strategies that plan, so that a person may review the plan."""


def strategy_for(name: str, parameters: Mapping[str, Any]) -> Strategy:
    """Return a task's strategy; with `review` among its parameters, one that has its plan reviewed."""
    strategy = STRATEGIES[name]
    return ReviewedStrategy(strategy) if parameters.get("review") else strategy


__all__ = [
    "OFFERED",
    "REVIEWABLE",
    "REVIEWED_BY_DEFAULT",
    "STRATEGIES",
    "Degradation",
    "Fail",
    "Finish",
    "Lesson",
    "Means",
    "Move",
    "Record",
    "Route",
    "Spawn",
    "Strategy",
    "StrategyParameters",
    "Told",
    "Wait",
    "affordable",
    "lesson_of",
    "next_move",
    "outcome_score",
    "route",
    "strategy_for",
]
