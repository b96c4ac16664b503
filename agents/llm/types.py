"""Values that go to a model and come back: plain data, JSON both ways, nothing of any provider's library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any


class ModelTier(StrEnum):
    """How capable a model is asked for; the catalogue maps each to ordered candidates."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class ModelPurpose(StrEnum):
    """What a call is for; shown in events and handed to policies."""

    PLAN = "plan"
    AGENT = "agent"
    DECIDE = "decide"
    SYNTHESIZE = "synthesize"
    CHAT = "chat"  # a client's own request, made by no step
    EMBED = "embed"  # the same for vectors: a vector is made of the text of each message


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called. `arguments_json` is the model's own text: it may not be valid JSON."""

    id: str
    name: str
    arguments_json: str

    def as_message_part(self) -> dict[str, Any]:
        """Return the entry for `tool_calls` of an assistant message in the OpenAI format."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments_json}}


@dataclass(frozen=True, slots=True)
class SemanticRule:
    """That a question may be answered by the answer to one that means the same.

    Attributes:
        threshold: The least cosine similarity of the two questions, above 0, at most 1.
        keep_seconds: How long an answer serves.
    """

    threshold: float
    keep_seconds: int


@dataclass(frozen=True, slots=True)
class CacheHit:
    """Where an answer came from that no model was asked for, and what that spared.

    Attributes:
        kind: One of `agents.types.CacheKind`.
        saved_tokens: What the answer took when a model gave it.
        saved_usd: What it cost then; None: its price is not known.
        similarity: Of the question to the earlier one, for a semantic hit.
        question: The earlier question, for a semantic hit.
    """

    kind: str
    saved_tokens: int
    saved_usd: Decimal | None
    similarity: float | None = None
    question: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return JSON values from which `from_json` makes the same."""
        return {
            "kind": self.kind,
            "saved_tokens": self.saved_tokens,
            "saved_usd": None if self.saved_usd is None else str(self.saved_usd),
            "similarity": self.similarity,
            "question": self.question,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "CacheHit":
        """Return what `as_json` was given."""
        saved_usd = None if value["saved_usd"] is None else Decimal(value["saved_usd"])
        return cls(value["kind"], value["saved_tokens"], saved_usd, value["similarity"], value["question"])


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request to a model.

    Attributes:
        messages: Messages in the OpenAI chat format.
        tools: Tool definitions in the OpenAI format (`{"type": "function", "function": {…}}`).
        response_format: `{"type": "json_schema", "json_schema": {"name", "schema", "strict"}}`, or None for free text.
        tier: Which tier of the catalogue answers, unless `model_override` names a model.
        model_override: A catalogue name or any litellm model name.
        temperature: 0 to 2; 0 is as repeatable as the provider can.
        max_output_tokens: Upper bound of the answer; it is what the budget sets aside.
        purpose: What the call is for.
        options: Further parameters under OpenAI's names (`top_p`, `stop`, `seed`, `tool_choice`, …); what the provider
            does not know is left out. `temperature` in it goes before the attribute.
        semantic: Whether an answer to a question that means the same will do; it is no part of what is asked.
        quoted: Results of other steps that the messages quote word for word: where the prompt does not fit, they are
            cut first. No part of what is asked.
        idempotency_key: Sent to the provider as `Idempotency-Key`; the same when a call is made again after a crash.
    """

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] | None = None
    response_format: Mapping[str, Any] | None = None
    tier: str = ModelTier.MEDIUM
    model_override: str | None = None
    temperature: float = 0.0
    max_output_tokens: int = 2048
    purpose: str = ModelPurpose.AGENT
    options: Mapping[str, Any] = field(default_factory=dict)
    semantic: SemanticRule | None = None
    quoted: Sequence[str] = ()
    idempotency_key: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return everything that changes the answer, as JSON: what the journal digests."""
        return {
            "messages": [dict(message) for message in self.messages],
            "tools": [dict(tool) for tool in self.tools or ()],
            "response_format": dict(self.response_format) if self.response_format else None,
            "tier": str(self.tier),
            "model_override": self.model_override,
            "temperature": self.temperature,
            "max_output_tokens": self.max_output_tokens,
            "purpose": str(self.purpose),
            **({"options": dict(self.options)} if self.options else {}),  # absent in journals that are older
        }


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a model answered and what it used.

    Attributes:
        text: The answer's text; empty when the model only called tools.
        tool_calls: Tools it wants called, in order.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
        cost_usd: Price of the call; None when no price is known (unknown is not zero).
        model: The litellm name that answered.
        provider: The provider that answered.
        finish_reason: `stop`, `length`, `tool_calls` or what the provider said.
        usage_estimated: The provider reported no usage, or an impossible one, and the tokens are an estimate.
        cache_read_tokens: Of the prompt, those that the provider had in its cache.
        cache_write_tokens: Of the prompt, those that the provider put into its cache.
        hit: The cache that it came from; None: a model gave it.
        vectors: Of each text, from a model that makes vectors.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = field(default=())
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None
    model: str = ""
    provider: str = ""
    finish_reason: str = "stop"
    usage_estimated: bool = False
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    hit: CacheHit | None = None
    vectors: Sequence[Sequence[float]] = ()

    def as_json(self) -> dict[str, Any]:
        """Return JSON values from which `from_json` makes the same reply."""
        return {
            "text": self.text,
            "tool_calls": [
                {"id": call.id, "name": call.name, "arguments_json": call.arguments_json} for call in self.tool_calls
            ],
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost_usd": None if self.cost_usd is None else str(self.cost_usd),
            "model": self.model,
            "provider": self.provider,
            "finish_reason": self.finish_reason,
            "usage_estimated": self.usage_estimated,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            **({"hit": self.hit.as_json()} if self.hit else {}),
            **({"vectors": self.vectors} if self.vectors else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModelReply":
        """Make a reply from what `as_json` returned."""
        cost_usd = value["cost_usd"]
        return cls(
            text=value["text"],
            tool_calls=tuple(ToolCall(**call) for call in value["tool_calls"]),
            prompt_tokens=value["prompt_tokens"],
            completion_tokens=value["completion_tokens"],
            cost_usd=None if cost_usd is None else Decimal(cost_usd),
            model=value["model"],
            provider=value["provider"],
            finish_reason=value["finish_reason"],
            usage_estimated=value["usage_estimated"],
            cache_read_tokens=value.get("cache_read_tokens", 0),  # journals of older versions lack it
            cache_write_tokens=value.get("cache_write_tokens", 0),
            hit=CacheHit.from_json(value["hit"]) if value.get("hit") else None,
            vectors=value.get("vectors", ()),
        )

    def as_assistant_message(self) -> dict[str, Any]:
        """Return the assistant message to append to the conversation, in the OpenAI format."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = [call.as_message_part() for call in self.tool_calls]
        return message
