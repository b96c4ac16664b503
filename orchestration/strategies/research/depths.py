"""How far research goes: the depths as data, and what a request may set instead. Pure."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestration.strategies.base import StrategyParameters, Tier


class Depth(BaseModel):
    """How far research goes."""

    model_config = ConfigDict(frozen=True)

    dimensions: int
    queries: int
    pages: int
    rounds: int
    verify: bool
    min_score: float
    needs_tokens: int
    tiers: Mapping[str, Tier] = Field(default_factory=dict)


_CAREFUL: Final[Mapping[str, Tier]] = {"plan": "medium", "read": "medium", "coverage": "medium", "verify": "medium"}
DEPTHS: Final[Mapping[str, Depth]] = {
    "quick": Depth(
        dimensions=2,
        queries=1,
        pages=2,
        rounds=1,
        verify=False,
        min_score=0.0,
        needs_tokens=15_000,
        tiers={"report": "medium"},
    ),
    "standard": Depth(dimensions=3, queries=1, pages=3, rounds=2, verify=True, min_score=0.0, needs_tokens=40_000),
    "deep": Depth(
        dimensions=5,
        queries=2,
        pages=4,
        rounds=3,
        verify=True,
        min_score=0.5,
        needs_tokens=120_000,
        tiers={"plan": "medium", "read": "medium"},
    ),
    "academic": Depth(
        dimensions=6, queries=2, pages=5, rounds=4, verify=True, min_score=0.6, needs_tokens=200_000, tiers=_CAREFUL
    ),
}
"""Dimensions, each with an agent that searches and reads; queries of each; pages read of each in a round; rounds;
whether claims are verified; least trust; tokens that must be left for it to begin; tiers other than the strategy's."""


class ResearchParameters(StrategyParameters):
    """Of research. What is not given is as the depth says."""

    depth: Literal["quick", "standard", "deep", "academic"] = Field("standard", description="How far it goes.")
    dimensions: int | None = Field(None, ge=1, le=8, description="Sides of the question, researched at the same time.")
    pages: int | None = Field(None, ge=1, le=8, description="Pages read for each side in each round.")
    rounds: int | None = Field(None, ge=1, le=5, description="The first round, and rounds that fill gaps.")
    verify: bool | None = Field(None, description="Whether each claim is checked against its source.")
    citations: bool = Field(True, description="False: the report comes without marks and without its list of sources.")

    @property
    def wanted(self) -> Depth:
        """The depth with what is given instead."""
        given = {"dimensions": self.dimensions, "pages": self.pages, "rounds": self.rounds, "verify": self.verify}
        return DEPTHS[self.depth].model_copy(update={name: value for name, value in given.items() if value is not None})
