"""The way to models through litellm. The only file that imports it, and only when a model is first needed."""

import logging
import os
import threading
from contextlib import closing
from decimal import Decimal
from typing import Any

from django.conf import settings
from dotenv import load_dotenv

from agents.llm.base import ModelGateway, OnDelta
from agents.llm.credentials import ENVIRONMENT, Credential
from agents.llm.errors import ModelAnswerInvalid, ModelFailure, ModelTimeout, ModelUnavailable
from agents.llm.failures import typed_failure
from agents.llm.offline.handler import OfflineHandler
from agents.llm.offline.provider import PROVIDER as OFFLINE_PROVIDER
from agents.llm.parameters import parameters_of
from agents.llm.replies import Answer, StatedUsage, giant_failure, reply_of, usage_of
from agents.llm.stream import StreamAssembly
from agents.llm.timeouts import CallTimeouts
from agents.llm.types import ModelReply, ModelRequest, ToolCall
from agents.llm.unlogged import completion_unlogged
from agents.llm.watchdog import CallOverdue, TooManyAbandoned, read_within
from shannon_project.config.catalogue import TOKENS_PER_PRICE, CatalogueModel, ModelPrice, catalogue

_FAILURES_OF_WAITING = (CallOverdue, TooManyAbandoned)
_loading = threading.Lock()
_library: Any = None
_completion: Any = None


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
        if on_delta is None:
            timeouts = CallTimeouts.whole(timeout_seconds)
            answer = self._at_once(parameters_of(request, model, credential, timeouts), model, timeouts)
        else:
            timeouts = CallTimeouts.within(timeout_seconds)
            stream = _Stream(parameters_of(request, model, credential, timeouts), on_delta)
            answer = self._streamed(stream, request, model, timeouts)
        return reply_of(request, model, answer, self.price_of(model))

    def _at_once(self, parameters: dict[str, Any], model: CatalogueModel, timeouts: CallTimeouts) -> Answer:
        try:
            answers = read_within(lambda: [_completion(**parameters)], timeouts=timeouts)
            with closing(answers):
                return _whole(next(answers), model)
        except _FAILURES_OF_WAITING as error:
            raise _waited_in_vain(error, model) from None
        except _library.exceptions.openai.OpenAIError as error:  # all exceptions of litellm's providers derive from it
            # Not chained: what the provider said may hold our key, and whoever logs the error would log the chain.
            raise typed_failure(_library, error, model) from None

    def _streamed(
        self, stream: "_Stream", request: ModelRequest, model: CatalogueModel, timeouts: CallTimeouts
    ) -> Answer:
        failure: ModelFailure | None = None
        try:
            with closing(read_within(stream.open, timeouts=timeouts)) as chunks:
                for chunk in chunks:
                    stream.assembly.add(chunk)
                    if stream.assembly.characters > settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS:
                        failure = giant_failure(model)
                        break
        except _FAILURES_OF_WAITING as error:
            failure = _waited_in_vain(error, model)
        except _library.exceptions.openai.OpenAIError as error:
            failure = typed_failure(_library, error, model)
        # The library ends a stream that was cut off with a "stop" of its own; here is what the provider said.
        if failure is None and not stream.finish_reason():
            failure = ModelUnavailable(f"The answer of {model.name} ended before it was complete.")
        answer = stream.answer()
        if failure is not None:
            if answer.written:  # the part that came is billed
                failure.used = usage_of(request, answer, self.price_of(model))
            raise failure
        return answer


class _Stream:
    """A streamed call, opened by the thread that reads it."""

    def __init__(self, parameters: dict[str, Any], on_delta: OnDelta) -> None:
        self._parameters = parameters
        self._chunks: Any = None
        self.assembly = StreamAssembly(on_delta)

    def open(self) -> Any:
        """Make the call and return its chunks."""
        self._chunks = _completion(**self._parameters, stream=True, stream_options={"include_usage": True})
        return self._chunks

    def finish_reason(self) -> str | None:
        """Return the reason that the provider gave to end; None: it gave none."""
        reason: str | None = getattr(self._chunks, "received_finish_reason", self.assembly.finish_reason)
        return reason

    def answer(self) -> Answer:
        """Return what has come so far."""
        assembly = self.assembly
        stated = StatedUsage.of(assembly.usage)
        return Answer(assembly.text, assembly.tool_calls(), assembly.finish_reason or None, stated)


def _whole(answer: Any, model: CatalogueModel) -> Answer:
    if not answer.choices:
        raise ModelAnswerInvalid(f"{model.name} answered without a choice.")
    choice = answer.choices[0]
    calls = tuple(
        ToolCall(call.id or f"call_{place}", call.function.name or "", call.function.arguments or "{}")
        for place, call in enumerate(choice.message.tool_calls or ())
    )
    stated = StatedUsage.of(getattr(answer, "usage", None))
    return Answer(choice.message.content or "", calls, choice.finish_reason, stated)


def _waited_in_vain(error: Exception, model: CatalogueModel) -> ModelFailure:
    if isinstance(error, TooManyAbandoned):
        return ModelUnavailable(f"{model.name} is not asked: too many calls that were given up are still running.")
    waited_for = getattr(error, "waited_for", "the whole answer")
    message = f"{model.name} was still answering when its time was over: {waited_for} took too long."
    return ModelTimeout(message, details={"model": model.name, "provider": model.provider, "waited_for": waited_for})


def _per_million(usd_per_token: Any) -> Any:
    return None if usd_per_token is None else Decimal(str(usd_per_token)) * TOKENS_PER_PRICE


def _litellm() -> Any:
    """Import and set up litellm once per process: it takes four seconds and 177 MB, which only who asks models pays."""
    global _library, _completion  # noqa: PLW0603 - one library per process, guarded by the lock
    if _library is None:
        with _loading:
            if _library is None:
                loaded = _load_litellm()
                _completion = completion_unlogged(loaded)
                _library = loaded
    return _library


def _load_litellm() -> Any:
    # Read by litellm at import: no price list over the network, and no .env search of its own.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    load_dotenv(
        settings.BASE_DIR / ".env"
    )  # providers' keys (OPENAI_API_KEY, …) belong to litellm, not to our settings
    import litellm  # noqa: PLC0415 - see the docstring of _litellm

    logging.getLogger("LiteLLM").setLevel(logging.WARNING)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.drop_params = True  # what a provider does not know is left out instead of refused
    litellm.disable_streaming_logging = True  # spares a thread hand-over for each chunk
    handler: Any = OfflineHandler(litellm.types.utils)
    litellm.custom_provider_map.append({"provider": OFFLINE_PROVIDER, "custom_handler": handler})
    setup: Any = litellm.utils.custom_llm_setup
    setup()  # which the library's wrapper does before each call
    return litellm
