"""What models were asked for, and what was used."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

OUTPUT_TOKENS_MAX: Final = 10_000_000  # that one answer may be asked to have: beyond every model


class CacheKind(StrEnum):
    """Where an answer came from that no model was asked for."""

    EXACT = "exact"  # the same request was answered before
    FLIGHT = "flight"  # the same request was being answered, and its answer was shared
    SEMANTIC = "semantic"  # a request that means the same was answered before


@dataclass(frozen=True, slots=True)
class Usage:
    """What an agent used. `cost_usd` is None when a price was unknown: unknown is not zero."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = Decimal(0)
    model_calls: int = 0
    tool_calls: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def with_model_call(self, *, prompt_tokens: int, completion_tokens: int, cost_usd: Decimal | None) -> "Usage":
        """Return this usage with one more model call; an unknown cost makes the sum unknown."""
        known = self.cost_usd is not None and cost_usd is not None
        return replace(
            self,
            prompt_tokens=self.prompt_tokens + prompt_tokens,
            completion_tokens=self.completion_tokens + completion_tokens,
            cost_usd=self.cost_usd + cost_usd if known else None,  # type: ignore[operator]
            model_calls=self.model_calls + 1,
        )

    def plus(self, other: "Usage") -> "Usage":
        """Return both together; an unknown cost makes the sum unknown."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost_usd=self.cost_usd + other.cost_usd if known else None,  # type: ignore[operator]
            model_calls=self.model_calls + other.model_calls,
            tool_calls=self.tool_calls + other.tool_calls,
        )

    def with_tool_call(self, count: int = 1) -> "Usage":
        """Return this usage with so many more tool calls."""
        return replace(self, tool_calls=self.tool_calls + count)
