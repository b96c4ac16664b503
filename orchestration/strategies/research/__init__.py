"""Research, in rooms: the strategy, its rounds, its conclusion, its depths and its sources."""

from orchestration.strategies.research.strategy import ResearchStrategy

__all__ = ["ResearchStrategy"]
