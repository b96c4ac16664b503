"""Strategies by name. They are pure and do not know each other."""

from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, Wait
from orchestration.strategies.dag import DagStrategy
from orchestration.strategies.fanout import FanoutStrategy
from orchestration.strategies.router import Route, route
from orchestration.strategies.simple import SimpleStrategy
from orchestration.strategies.tool import ToolStrategy

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (SimpleStrategy(), DagStrategy(), ToolStrategy(), FanoutStrategy())
}

__all__ = ["STRATEGIES", "Fail", "Finish", "Move", "Route", "Spawn", "Strategy", "Wait", "route"]
