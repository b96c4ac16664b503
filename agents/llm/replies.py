"""Makes our reply of what a provider answered, and states what a call used, whatever the provider says."""

from dataclasses import dataclass
from typing import Any, Final, Self

import structlog
from django.conf import settings

from agents.llm.base import cost_usd_of
from agents.llm.errors import ModelAnswerInvalid, ModelAnswerTooLong, ModelContentFiltered, ModelFailure, ModelUsage
from agents.llm.estimates import prompt_tokens_estimate, text_tokens_estimate, unseen_tokens_estimate
from agents.llm.failures import filtered_message
from agents.llm.tool_calls import normalised
from agents.llm.types import ModelReply, ModelRequest, ToolCall
from shannon_project.config.catalogue import CatalogueModel, ModelPrice

log = structlog.get_logger(__name__)

_PLAUSIBLE_MAX_TOKENS: Final = 10_000_000  # no window is larger; a provider that states more miscounts


@dataclass(frozen=True, slots=True)
class StatedUsage:
    """What a provider says a call used."""

    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @classmethod
    def of(cls, usage: Any) -> Self | None:
        """Read litellm's usage; None: there is none, or it cannot be true (negative, no numbers, all 0, absurd)."""
        if usage is None:
            return None
        details = getattr(usage, "prompt_tokens_details", None)
        return cls.of_counts(
            getattr(usage, "prompt_tokens", None),
            getattr(usage, "completion_tokens", None),
            getattr(details, "cached_tokens", None) or 0,
            getattr(usage, "cache_creation_input_tokens", None) or 0,
        )

    @classmethod
    def of_counts(cls, *stated: Any) -> Self | None:
        """Take tokens read, written, read from a cache and put into one; None: they cannot be true."""
        counts = [count for count in stated if isinstance(count, int) and 0 <= count <= _PLAUSIBLE_MAX_TOKENS]
        if len(counts) < len(stated):
            log.warning("model_usage_implausible", stated=repr(stated)[:200])
            return None
        prompt, completion, read, write = counts
        if not prompt and not completion:
            return None
        return cls(prompt, completion, min(read, prompt), min(write, prompt - min(read, prompt)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a provider, whole or in part."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    stated: StatedUsage | None
    thought: str = ""

    @property
    def written(self) -> str:
        """All that the model wrote, what it thought too."""
        return self.thought + self.text + "".join(call.name + call.arguments_json for call in self.tool_calls)


def usage_of(request: ModelRequest, answer: Answer, price: ModelPrice | None) -> ModelUsage:
    """Return what the provider stated, or an estimate that says that it is one."""
    stated = answer.stated
    if stated is None or not stated.prompt_tokens or (answer.written and not stated.completion_tokens):
        # Nobody reads or writes nothing: a count of 0 is estimated, and the other one taken as it is.
        prompt = (stated.prompt_tokens if stated else 0) or prompt_tokens_estimate(request)
        completion = (stated.completion_tokens if stated else 0) or text_tokens_estimate(answer.written)
        return ModelUsage(prompt, completion, cost_usd_of(price, prompt, completion))
    cost_usd = cost_usd_of(
        price,
        stated.prompt_tokens,
        stated.completion_tokens,
        cache_read_tokens=stated.cache_read_tokens,
        cache_write_tokens=stated.cache_write_tokens,
    )
    return ModelUsage(
        stated.prompt_tokens,
        stated.completion_tokens,
        cost_usd,
        is_estimate=False,
        cache_read_tokens=stated.cache_read_tokens,
        cache_write_tokens=stated.cache_write_tokens,
    )


def usage_unseen(request: ModelRequest, price: ModelPrice | None, *, seconds: float, is_streamed: bool) -> ModelUsage:
    """Return an estimate of what a call used that was asked and of whose answer nothing came in this time."""
    tokens = (
        prompt_tokens_estimate(request),
        unseen_tokens_estimate(request, seconds=seconds, is_streamed=is_streamed),
    )
    return ModelUsage(*tokens, cost_usd_of(price, *tokens))


def reply_of(request: ModelRequest, model: CatalogueModel, answer: Answer, price: ModelPrice | None) -> ModelReply:
    """Make the reply of a whole answer.

    Raises:
        ModelContentFiltered: The provider held the answer back.
        ModelAnswerInvalid: It is empty. ModelAnswerTooLong: Longer than `SHANNON_MODEL_ANSWER_MAX_CHARACTERS`.
        All know what was used.
    """
    used = usage_of(request, answer, price)
    failure: ModelFailure | None = None
    if len(answer.written) > settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS:
        failure = giant_failure(model)
    elif answer.finish_reason == "content_filter":
        failure = ModelContentFiltered(filtered_message(model))
    elif not answer.text.strip() and not answer.tool_calls:
        failure = ModelAnswerInvalid(f"{model.name} answered nothing (finish reason: {answer.finish_reason}).")
    if failure is not None:
        failure.used = used
        raise failure
    return ModelReply(
        text=answer.text,
        tool_calls=normalised(answer.tool_calls, request.tools or ()),
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cost_usd=used.cost_usd,
        model=model.name,
        provider=model.provider,
        finish_reason=answer.finish_reason or "stop",
        usage_estimated=used.is_estimate,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
    )


def giant_failure(model: CatalogueModel) -> ModelAnswerTooLong:
    """Return the failure of an answer that is too long to be kept."""
    limit = settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS
    return ModelAnswerTooLong(f"{model.name} answered more than {limit:,} characters; the rest was not read.")
