"""One model, its price and its limits; one tier and how its candidates are ordered."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TOKENS_PER_PRICE: Final = Decimal(1_000_000)
OUTSIDE_PROVIDER: Final = "litellm"
COMPATIBLE_PROVIDER: Final = "openai-compatible"
_COMPATIBLE_PREFIX: Final = "openai/"

Usd = Annotated[Decimal, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
AskedName = Annotated[str, Field(min_length=1, max_length=128)]  # as long as accounts keep it, and requests may name it
Count = Annotated[int, Field(gt=0)]


class Tier(StrEnum):
    """The tiers that every catalogue has; it may name more."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Ability(StrEnum):
    """What a model can do beyond text. `EMBEDDING`: it makes vectors of texts, and answers nothing."""

    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"
    STREAMING = "streaming"
    REASONING = "reasoning"
    EMBEDDING = "embedding"


class Selection(StrEnum):
    """How the candidates of a tier are ordered; those after the first are what a call falls back to.

    `order`: as they are written. `cost`: the cheapest for this call first, unknown prices last. `latency`: the
    smallest measured p95 first, those not measured yet before them. `weight`: at random, in proportion to `weight`.
    """

    ORDER = "order"
    COST = "cost"
    LATENCY = "latency"
    WEIGHT = "weight"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPrice(_Strict):
    """What a model costs, in USD per million tokens. A cache price of None: as any other token of the prompt."""

    input_usd_per_million_tokens: Usd
    output_usd_per_million_tokens: Usd
    cache_read_usd_per_million_tokens: Usd | None = None
    cache_write_usd_per_million_tokens: Usd | None = None

    def cost_usd(
        self,
        *,
        prompt_tokens: int,
        completion_tokens: int,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
    ) -> Decimal:
        """Return the price of one call in USD, exact.

        Args:
            prompt_tokens: Tokens read, 0 or more; those of the provider's cache are among them.
            completion_tokens: Tokens written, 0 or more.
            cache_read_tokens: Of the prompt, those that the provider had cached.
            cache_write_tokens: Of the prompt, those that the provider put into its cache.
        """
        plain = self.input_usd_per_million_tokens
        read = self.cache_read_usd_per_million_tokens
        write = self.cache_write_usd_per_million_tokens
        sum_usd = plain * max(0, prompt_tokens - cache_read_tokens - cache_write_tokens)
        sum_usd += (plain if read is None else read) * cache_read_tokens
        sum_usd += (plain if write is None else write) * cache_write_tokens
        return (sum_usd + self.output_usd_per_million_tokens * completion_tokens) / TOKENS_PER_PRICE


class CatalogueModel(_Strict):
    """One model.

    Attributes:
        name: What requests call it.
        litellm_name: What litellm is asked for.
        provider: Shown to people, policies and events; keys are kept by it.
        api_base: Address of a server of one's own; None: the provider's.
        price: None: litellm's own list is asked.
        context_window_tokens: Prompt and answer together, or one text of which a vector is made; None: not known.
        max_output_tokens: The most that one answer may hold; None: not known.
        abilities: What it can do beyond text; an entry that says nothing of it streams. One that does not is asked for
            its answer whole, also where somebody watches.
        weight: Its share where a tier selects by weight; 0: only when nothing else is left.
        requests_per_minute, tokens_per_minute, max_concurrency: What all workers together may ask of it with one key;
            None: as much as they like.
        texts_at_once: Of how many texts it makes vectors in one call; None: as many as a request may bring.
        about: One line for a person.
    """

    name: AskedName
    litellm_name: Name
    provider: Name
    api_base: str | None = None
    price: ModelPrice | None = None
    context_window_tokens: Count | None = None
    max_output_tokens: Count | None = None
    abilities: frozenset[Ability] = frozenset({Ability.STREAMING})
    weight: Annotated[int, Field(ge=0)] = 1
    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    max_concurrency: Count | None = None
    texts_at_once: Count | None = None
    about: str = ""

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if self.is_embedding and len(self.abilities) > 1:
            raise ValueError(f"abilities: a model with {Ability.EMBEDDING} has no other ability")
        return self

    @property
    def is_embedding(self) -> bool:
        """Whether it makes vectors of texts."""
        return Ability.EMBEDDING in self.abilities

    @property
    def lane(self) -> str:
        """What its limits, outages and times of answer are counted by: the same name on two servers is two models."""
        return f"{self.litellm_name}@{self.api_base}" if self.api_base else self.litellm_name

    @classmethod
    def outside(cls, litellm_name: str) -> Self:
        """Return an entry for a litellm model that the file does not list: price and window are not known here."""
        provider = litellm_name.partition("/")[0] if "/" in litellm_name else OUTSIDE_PROVIDER
        abilities = frozenset(Ability) - {Ability.EMBEDDING}
        return cls(name=litellm_name, litellm_name=litellm_name, provider=provider, abilities=abilities)

    @classmethod
    def compatible(cls, name: str, api_base: str) -> Self:
        """Return an entry for a model of any server that speaks OpenAI's protocol: Ollama, vLLM, llama.cpp …"""
        return cls(
            name=name,
            litellm_name=name if name.startswith(_COMPATIBLE_PREFIX) else f"{_COMPATIBLE_PREFIX}{name}",
            provider=COMPATIBLE_PROVIDER,
            api_base=api_base,
            abilities=frozenset({Ability.TOOLS, Ability.JSON_SCHEMA, Ability.STREAMING}),
        )


class TierEntry(_Strict):
    """The candidates of a tier, and how they are ordered. In the file a plain list is one in the order written.

    `hedge_after_seconds`: when the first candidate has said nothing for so long, the second is asked as well, and the
    first to answer wins; both are paid. None: never.
    """

    candidates: Annotated[tuple[Name, ...], Field(min_length=1)]
    select: Selection = Selection.ORDER
    hedge_after_seconds: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_list(cls, value: Any) -> Any:
        return {"candidates": value} if isinstance(value, list | tuple) else value
