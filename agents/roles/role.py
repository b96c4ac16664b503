"""What a role is, and the shipped ones."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from agents.llm.types import SemanticRule
from policy.types import BudgetLimits


class SemanticCache(BaseModel):
    """That answers of a role serve questions that mean the same; see `agents.llm.types.SemanticRule`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(gt=0, le=1)
    keep_seconds: int = Field(gt=0)

    def rule(self) -> SemanticRule:
        """Return it as a model request takes it."""
        return SemanticRule(self.threshold, self.keep_seconds)


class Role(BaseModel):
    """A named agent profile.

    `prompt` names a file in `templates/prompts/`, `brief` is what it adds to that; `max_turns` counts model calls;
    `max_output_tokens` is per call; `budget_tokens` and `budget_usd` are for all calls of a step, and nothing means
    that there is no such limit; from `budget_ask_person_percent` of them on a person is asked; `semantic_cache` None:
    every question is asked anew.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    prompt: str
    brief: str = ""
    tools: tuple[str, ...]
    tier: str
    max_turns: int = Field(ge=1, le=100)
    max_output_tokens: int = Field(ge=1)
    semantic_cache: SemanticCache | None = None
    budget_tokens: int | None = Field(None, ge=1)
    budget_usd: Decimal | None = Field(None, gt=0)
    budget_ask_person_percent: int | None = Field(None, ge=1, le=100)

    @property
    def budget(self) -> BudgetLimits:
        """What an agent of this role may use in a step."""
        return BudgetLimits(self.budget_tokens, self.budget_usd, ask_person_percent=self.budget_ask_person_percent)


@cache
def shipped_roles() -> Mapping[str, Role]:
    """Return the roles of `roles.yaml`, which every tenant has."""
    text = Path(__file__).with_name("roles.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, Role]).validate_python(yaml.safe_load(text))
