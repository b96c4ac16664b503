"""The way to models through litellm. The only file that imports it, and only when a model is first needed."""

import logging
import os
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final

from django.conf import settings
from dotenv import load_dotenv

from agents.llm.base import ModelGateway, OnDelta
from agents.llm.credentials import ENVIRONMENT, Credential, environment_take
from agents.llm.embedding import embedding_parameters, embedding_reply
from agents.llm.errors import ModelAnswerInvalid, ModelFailure, ModelTimeout, ModelUnavailable
from agents.llm.failures import typed_failure, unwritable_failure
from agents.llm.lightening import imported_lightly, lighten
from agents.llm.offline.handler import OfflineHandler
from agents.llm.offline.provider import PROVIDER as OFFLINE_PROVIDER
from agents.llm.offline.short_way import OfflineScribe, offline_answer, offline_pieces
from agents.llm.parameters import parameters_of
from agents.llm.replies import Answer, StatedUsage, giant_failure, reply_of, usage_of, usage_unseen
from agents.llm.streaming import JsonStream, LitellmStream, Stream
from agents.llm.timeouts import CallTimeouts
from agents.llm.types import ModelReply, ModelRequest, ToolCall
from agents.llm.unlogged import call_unlogged
from agents.llm.watchdog import CallOverdue, TooManyAbandoned, read_within
from agents.llm.wire import (
    Scribe,
    WireFailed,
    WireTooLarge,
    WireUnreadable,
    answer_of,
    is_mended_by_litellm,
    named_by_litellm,
    wire_answer,
    wire_pieces,
)
from shannon_project.config.catalogue import TOKENS_PER_PRICE, CatalogueModel, ModelPrice, catalogue

_FAILURES_OF_WAITING = (CallOverdue, TooManyAbandoned)
_STREAMED: Final = {"stream": True, "stream_options": {"include_usage": True}}
_loading = threading.Lock()
_library: Any = None
_completion: Any = None
_embedding: Any = None
_scribe: Any = None
_offline: Any = None


class LitellmGateway(ModelGateway):
    """Asks any model that litellm knows, and the built-in offline model."""

    def warm(self) -> None:
        """Import litellm and make one offline call: litellm loads another second's worth of itself at its first."""
        request = ModelRequest(messages=[{"role": "user", "content": "1 + 1"}], max_output_tokens=16)
        model = catalogue().models.get("offline/small") or CatalogueModel.outside("offline/small")
        self.complete(request, model=model, timeout_seconds=30.0)
        self.complete(request, model=model, timeout_seconds=30.0, on_delta=lambda _: None)

    def price_of(self, model: CatalogueModel) -> ModelPrice | None:
        """Return the catalogue's price, or that of the list which litellm ships; None: neither knows one."""
        if model.price is not None or model.api_base:
            return model.price  # a server of one's own has no list price, whatever its model is called
        listed = _litellm().model_cost
        for name in (model.litellm_name, model.litellm_name.partition("/")[2]):
            entry = listed.get(name) or {}
            reading, writing = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
            if reading is not None and writing is not None:
                return ModelPrice(
                    input_usd_per_million_tokens=_per_million(reading),
                    output_usd_per_million_tokens=_per_million(writing),
                    cache_read_usd_per_million_tokens=_per_million(entry.get("cache_read_input_token_cost") or None),
                    cache_write_usd_per_million_tokens=_per_million(
                        entry.get("cache_creation_input_token_cost") or None
                    ),
                )
        return None

    def complete(
        self,
        request: ModelRequest,
        *,
        model: CatalogueModel,
        timeout_seconds: float,
        on_delta: OnDelta | None = None,
        credential: Credential = ENVIRONMENT,
    ) -> ModelReply:
        """Ask the model once; see `ModelGateway.complete`."""
        _litellm()
        if model.is_embedding:
            timeouts = CallTimeouts.whole(timeout_seconds)
            parameters = embedding_parameters(request, model, credential, timeouts)
            asked = _Asked(request, model, self.price_of(model), timeouts, parameters, None)
            return embedding_reply(request, model, _from_litellm(_embedding, asked), asked.price)
        if not all(isinstance(message.get("content"), str | list | None) for message in request.messages):
            raise unwritable_failure(TypeError("the content of a message"), model)  # litellm does not always look
        timeouts = CallTimeouts.whole(timeout_seconds) if on_delta is None else CallTimeouts.within(timeout_seconds)
        parameters = parameters_of(request, model, credential, timeouts) | ({} if on_delta is None else _STREAMED)
        asked = _Asked(request, model, self.price_of(model), timeouts, parameters, on_delta)
        answer = _by_offline(asked) or _by_wire(asked) or _by_litellm(asked)
        return reply_of(request, model, answer, asked.price)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question to one model. `on_delta` None: its answer comes whole."""

    request: ModelRequest
    model: CatalogueModel
    price: ModelPrice | None
    timeouts: CallTimeouts
    parameters: dict[str, Any]
    on_delta: OnDelta | None
    started: float = field(default_factory=time.monotonic)


def _by_offline(asked: _Asked) -> Answer | None:
    """Ask the model that is in this process; None: it is another one, or litellm must ask by itself."""
    request = _offline.request(asked.parameters)
    if request is None:
        return None
    try:
        if asked.on_delta is None:
            return answer_of(offline_answer(request, asked.timeouts).whole(), asked.model)
        return _streamed(JsonStream(partial(offline_pieces, request, asked.timeouts), asked.on_delta), asked)
    except CallOverdue as error:
        raise _paid(_failure_of(error, asked.model), error, asked) from None


def _by_wire(asked: _Asked) -> Answer | None:
    """Ask by HTTP of our own; None: litellm must ask by itself."""
    try:
        wire = _scribe.request(asked.parameters)
    except _library.exceptions.openai.OpenAIError as error:
        raise unwritable_failure(error, asked.model) from None
    if wire is None:
        return None
    try:
        if asked.on_delta is None:
            return wire_answer(wire, asked.model, asked.timeouts)
        return _streamed(JsonStream(partial(wire_pieces, wire, asked.timeouts), asked.on_delta), asked)
    except WireFailed as refusal:
        if is_mended_by_litellm(refusal):
            return None
        raise _paid(_failure_of(refusal, asked.model), refusal, asked) from None
    except WireTooLarge as error:
        failure = giant_failure(asked.model)
        failure.used = usage_of(asked.request, Answer(error.said, (), None, None), asked.price)
        raise failure from None
    except (*_FAILURES_OF_WAITING, WireUnreadable) as error:
        raise _paid(_failure_of(error, asked.model), error, asked) from None


def _by_litellm(asked: _Asked) -> Answer:
    if asked.on_delta is not None:
        return _streamed(LitellmStream(_completion, asked.parameters, asked.timeouts, asked.on_delta), asked)
    return _whole(_from_litellm(_completion, asked), asked.model)


def _from_litellm(call: Any, asked: _Asked) -> Any:
    """Return what a call of litellm's returns that comes whole."""
    try:
        answers = read_within(lambda: [call(**asked.parameters)], timeouts=asked.timeouts)
        with closing(answers):
            return next(answers)
    except _failures() as error:
        # Not chained: what the provider said may hold our key, and whoever logs the error would log the chain.
        raise _paid(_failure_of(error, asked.model), error, asked) from None


def _streamed(stream: Stream, asked: _Asked) -> Answer:
    """Read a stream.

    Raises:
        WireFailed: The server does not take the request, and litellm may know why. ModelFailure: Else.
    """
    model = asked.model
    failure: ModelFailure | None = None
    try:
        with closing(stream.open()) as pieces:
            for piece in pieces:
                stream.assembly.add(piece)
                if stream.assembly.characters > settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS:
                    failure = giant_failure(model)
                    break
    except _failures() as error:
        if isinstance(error, WireFailed) and is_mended_by_litellm(error) and not stream.assembly.characters:
            raise
        failure = _paid(_failure_of(error, model), error, asked)
    # litellm ends a stream that was cut off with a "stop" of its own; here is what the provider said.
    if failure is None and not stream.finish_reason():
        failure = ModelUnavailable(f"The answer of {model.name} ended before it was complete.")
    assembly = stream.assembly
    calls, ended_by = assembly.tool_calls(), assembly.finish_reason or None
    answer = Answer(assembly.text, calls, ended_by, stream.stated(), assembly.thought)
    if failure is not None:
        if answer.written:  # the part that came is billed
            failure.used = usage_of(asked.request, answer, asked.price)
        raise failure
    return answer


def _whole(answer: Any, model: CatalogueModel) -> Answer:
    if not answer.choices:
        raise ModelAnswerInvalid(f"{model.name} answered without a choice.")
    choice = answer.choices[0]
    calls = tuple(
        ToolCall(call.id or f"call_{place}", call.function.name or "", call.function.arguments or "{}")
        for place, call in enumerate(choice.message.tool_calls or ())
    )
    stated = StatedUsage.of(getattr(answer, "usage", None))
    thought = getattr(choice.message, "reasoning_content", None) or ""
    return Answer(choice.message.content or "", calls, choice.finish_reason, stated, thought)


def _failures() -> tuple[type[Exception], ...]:
    """Return what is raised where an answer does not come; all exceptions of litellm's providers derive from one."""
    return (*_FAILURES_OF_WAITING, WireFailed, WireTooLarge, WireUnreadable, _library.exceptions.openai.OpenAIError)


def _paid(failure: ModelFailure, error: Exception, asked: _Asked) -> ModelFailure:
    """Note what a call may have used of whose answer nothing came in time, or only a part: it may be billed."""
    is_lost = isinstance(error, WireFailed) and error.was_begun
    if is_lost or (isinstance(error, CallOverdue) and error.was_asked):
        seconds = time.monotonic() - asked.started
        is_streamed = asked.on_delta is not None
        failure.used = usage_unseen(asked.request, asked.price, seconds=seconds, is_streamed=is_streamed)
    return failure


def _failure_of(error: Exception, model: CatalogueModel) -> ModelFailure:
    """Return our failure for what was raised."""
    if isinstance(error, WireFailed):
        return typed_failure(_library, named_by_litellm(_library, error, model.litellm_name), model)
    if isinstance(error, WireTooLarge):
        return giant_failure(model)
    if isinstance(error, WireUnreadable):
        return ModelAnswerInvalid(f"The answer of {model.name} could not be read.")
    if not isinstance(error, _FAILURES_OF_WAITING):
        return typed_failure(_library, error, model)
    if isinstance(error, TooManyAbandoned):
        return ModelUnavailable(f"{model.name} is not asked: too many calls that were given up are still running.")
    waited_for = getattr(error, "waited_for", "the whole answer")
    message = f"{model.name} was still answering when its time was over: {waited_for} took too long."
    return ModelTimeout(message, details={"model": model.name, "provider": model.provider, "waited_for": waited_for})


def _per_million(usd_per_token: Any) -> Any:
    return None if usd_per_token is None else Decimal(str(usd_per_token)) * TOKENS_PER_PRICE


def _litellm() -> Any:
    """Import and set up litellm once per process: it takes four seconds and 177 MB, which only who asks models pays."""
    global _library, _completion, _embedding, _scribe, _offline  # noqa: PLW0603 - one library per process, guarded by the lock
    if _library is None:
        with _loading:
            if _library is None:
                loaded = _load_litellm()
                _completion = call_unlogged(loaded, "completion")
                _embedding = call_unlogged(loaded, "embedding")
                _scribe = Scribe(loaded, _completion)
                _offline = OfflineScribe(_completion)
                _library = loaded
    return _library


def _load_litellm() -> Any:
    # Read by litellm at import: no price list over the network, and no .env search of its own.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    load_dotenv(
        settings.BASE_DIR / ".env"
    )  # providers' keys (OPENAI_API_KEY, …) belong to litellm, not to our settings
    environment_take(os.environ)
    with imported_lightly():
        import litellm  # noqa: PLC0415 - see the docstring of _litellm
    lighten(litellm)

    logging.getLogger("LiteLLM").setLevel(logging.WARNING)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    library: Any = litellm
    library.DEFAULT_MAX_RETRIES = 0  # for vectors it takes our "0 retries" for "not said"
    litellm.drop_params = True  # what a provider does not know is left out instead of refused
    litellm.disable_streaming_logging = True  # spares a thread hand-over for each chunk
    handler: Any = OfflineHandler(litellm.types.utils)
    litellm.custom_provider_map.append({"provider": OFFLINE_PROVIDER, "custom_handler": handler})
    setup: Any = litellm.utils.custom_llm_setup
    setup()  # which the library's wrapper does before each call
    return litellm
