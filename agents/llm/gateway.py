"""The way to models through litellm. The only file that imports it, and only when a model is first needed."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

from django.conf import settings
from dotenv import load_dotenv

from agents.llm.base import ModelGateway, OnDelta, cost_usd_of
from agents.llm.errors import ModelAnswerInvalid, ModelFailure, ModelRefused, ModelTimeout, ModelUnavailable, ModelUsage
from agents.llm.estimates import prompt_tokens_estimate, text_tokens_estimate
from agents.llm.failures import filtered_message, typed_failure
from agents.llm.offline.provider import PROVIDER as OFFLINE_PROVIDER
from agents.llm.offline.provider import OfflineProvider
from agents.llm.stream import StreamAssembly
from agents.llm.types import ModelReply, ModelRequest, ToolCall
from agents.llm.watchdog import CallOverdue, TooManyAbandoned, read_within
from shannon_project.config.catalogue import TOKENS_PER_PRICE, CatalogueModel, ModelPrice, catalogue

_FAILURES_OF_WAITING = (CallOverdue, TooManyAbandoned)
_loading = threading.Lock()
_library: Any = None


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
        if model.price is not None:
            return model.price
        listed = _litellm().model_cost
        for name in (model.litellm_name, model.litellm_name.partition("/")[2]):
            entry = listed.get(name) or {}
            reading, writing = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
            if reading is not None and writing is not None:
                return ModelPrice(
                    input_usd_per_million_tokens=Decimal(str(reading)) * TOKENS_PER_PRICE,
                    output_usd_per_million_tokens=Decimal(str(writing)) * TOKENS_PER_PRICE,
                )
        return None

    def complete(
        self,
        request: ModelRequest,
        *,
        model: CatalogueModel,
        timeout_seconds: float,
        on_delta: OnDelta | None = None,
    ) -> ModelReply:
        """Ask the model once; see `ModelGateway.complete`."""
        _litellm()
        parameters = _parameters(request, model, timeout_seconds)
        if on_delta is None:
            return self._at_once(parameters, request, model, timeout_seconds)
        stream = _Stream(parameters)
        return self._streamed(stream, request, model, timeout_seconds, on_delta)

    def _at_once(
        self, parameters: dict[str, Any], request: ModelRequest, model: CatalogueModel, timeout_seconds: float
    ) -> ModelReply:
        try:
            answers = read_within(lambda: [_library.completion(**parameters)], timeout_seconds=timeout_seconds)
            with closing(answers):
                return self._whole(next(answers), request, model)
        except _FAILURES_OF_WAITING as error:
            raise _waited_in_vain(error, model) from None
        except _library.exceptions.openai.OpenAIError as error:  # all exceptions of litellm's providers derive from it
            # Not chained: what the provider said may hold our key, and whoever logs the error would log the chain.
            raise typed_failure(_library, error, model) from None

    def _whole(self, answer: Any, request: ModelRequest, model: CatalogueModel) -> ModelReply:
        if not answer.choices:
            raise ModelAnswerInvalid(f"{model.name} answered without a choice.")
        choice = answer.choices[0]
        calls = tuple(
            ToolCall(call.id, call.function.name or "", call.function.arguments or "{}")
            for call in choice.message.tool_calls or ()
        )
        usage = getattr(answer, "usage", None)
        return self._reply(
            request,
            model,
            text=choice.message.content or "",
            tool_calls=calls,
            finish_reason=choice.finish_reason,
            reported=None if usage is None else (usage.prompt_tokens, usage.completion_tokens),
        )

    def _streamed(
        self,
        stream: "_Stream",
        request: ModelRequest,
        model: CatalogueModel,
        timeout_seconds: float,
        on_delta: OnDelta,
    ) -> ModelReply:
        assembly = StreamAssembly(on_delta)
        failure: ModelFailure | None = None
        try:
            with closing(read_within(stream.open, timeout_seconds=timeout_seconds)) as chunks:
                for chunk in chunks:
                    assembly.add(chunk)
        except _FAILURES_OF_WAITING as error:
            failure = _waited_in_vain(error, model)
        except _library.exceptions.openai.OpenAIError as error:
            failure = typed_failure(_library, error, model)
        # The library ends a stream that was cut off with a "stop" of its own; here is what the provider said.
        if failure is None and not stream.finish_reason(assembly.finish_reason):
            failure = ModelUnavailable(f"The answer of {model.name} ended before it was complete.")
        if failure is not None:
            failure.used = self._used(request, model, assembly)
            raise failure
        reported = None
        if assembly.prompt_tokens is not None and assembly.completion_tokens is not None:
            reported = (assembly.prompt_tokens, assembly.completion_tokens)
        return self._reply(
            request,
            model,
            text=assembly.text,
            tool_calls=assembly.tool_calls(),
            finish_reason=assembly.finish_reason,
            reported=reported,
        )

    def _used(self, request: ModelRequest, model: CatalogueModel, assembly: StreamAssembly) -> ModelUsage | None:
        """Estimate what a broken answer used: the part that came is billed. None: nothing came."""
        written = assembly.text + "".join(call.name + call.arguments_json for call in assembly.tool_calls())
        if not written:
            return None
        prompt_tokens, completion_tokens = prompt_tokens_estimate(request), text_tokens_estimate(written)
        cost_usd = cost_usd_of(self.price_of(model), prompt_tokens, completion_tokens)
        return ModelUsage(prompt_tokens, completion_tokens, cost_usd)

    def _reply(
        self,
        request: ModelRequest,
        model: CatalogueModel,
        *,
        text: str,
        tool_calls: tuple[ToolCall, ...],
        finish_reason: str | None,
        reported: tuple[int, int] | None,
    ) -> ModelReply:
        """Make the reply; without reported tokens they are estimated, and marked."""
        is_estimated = not reported or not any(reported)
        if reported is None or is_estimated:
            written = text + "".join(call.name + call.arguments_json for call in tool_calls)
            reported = (prompt_tokens_estimate(request), text_tokens_estimate(written))
        price = self.price_of(model)
        prompt_tokens, completion_tokens = reported
        cost_usd = cost_usd_of(price, prompt_tokens, completion_tokens)
        failure: ModelFailure | None = None
        if finish_reason == "content_filter":
            failure = ModelRefused(filtered_message(model))
        elif not text.strip() and not tool_calls:
            failure = ModelAnswerInvalid(f"{model.name} answered nothing (finish reason: {finish_reason}).")
        if failure is not None:
            failure.used = ModelUsage(prompt_tokens, completion_tokens, cost_usd, is_estimate=is_estimated)
            raise failure
        return ModelReply(
            text=text,
            tool_calls=tool_calls,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost_usd=cost_usd,
            model=model.name,
            provider=model.provider,
            finish_reason=finish_reason or "stop",
            usage_estimated=is_estimated,
        )


class _Stream:
    """A streamed call, opened by the thread that reads it."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters
        self._chunks: Any = None

    def open(self) -> Any:
        """Make the call and return its chunks."""
        self._chunks = _library.completion(**self._parameters, stream=True, stream_options={"include_usage": True})
        return self._chunks

    def finish_reason(self, of_last_chunk: str) -> str | None:
        """Return the reason that the provider gave to end; None: it gave none."""
        reason: str | None = getattr(self._chunks, "received_finish_reason", of_last_chunk)
        return reason


def _waited_in_vain(error: Exception, model: CatalogueModel) -> ModelFailure:
    if isinstance(error, TooManyAbandoned):
        return ModelUnavailable(f"{model.name} is not asked: too many calls that were given up are still running.")
    return ModelTimeout(f"{model.name} was still answering when its time was over.")


def _litellm() -> Any:
    """Import and set up litellm once per process: it takes four seconds and 177 MB, which only who asks models pays."""
    global _library  # noqa: PLW0603 - one library per process, guarded by the lock
    if _library is None:
        with _loading:
            if _library is None:
                _library = _load_litellm()
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
    handler: Any = _OfflineHandler()
    litellm.custom_provider_map.append({"provider": OFFLINE_PROVIDER, "custom_handler": handler})
    return litellm


class _OfflineHandler:
    """The offline provider in the shape of litellm's `CustomLLM` (which is looked up by method, not by class)."""

    def __init__(self) -> None:
        self._provider = OfflineProvider()

    def completion(self, **call: Any) -> Any:
        """Answer whole, in litellm's `ModelResponse`."""
        from litellm.types.utils import Choices, ModelResponse, Usage  # noqa: PLC0415 - loaded by now

        answer = self._answer(call)
        response: Any = ModelResponse(
            id=answer.id,
            model=call["model"],
            choices=[Choices(index=0, finish_reason=answer.finish_reason, message=answer.message())],
        )
        response.usage = Usage(**answer.usage())
        return response

    def streaming(self, **call: Any) -> Iterator[Any]:
        """Answer in chunks, in litellm's `ModelResponseStream`."""
        from litellm.types.utils import ModelResponseStream, Usage  # noqa: PLC0415 - loaded by now

        answer = self._answer(call)
        for delta, finish_reason in answer.deltas():
            shape: Any = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            chunk: Any = ModelResponseStream(
                id=answer.id,
                model=call["model"],
                choices=[shape],
            )
            if finish_reason:  # litellm keeps usage only of chunks with content
                chunk.usage = Usage(**answer.usage())
            yield chunk

    def _answer(self, call: dict[str, Any]) -> Any:
        return self._provider.answer(messages=call["messages"], parameters=call["optional_params"])


def _parameters(request: ModelRequest, model: CatalogueModel, timeout_seconds: float) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "model": model.litellm_name,
        "messages": [dict(message) for message in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_output_tokens,
        "timeout": timeout_seconds,
        "num_retries": 0,  # retries are ours: they must respect the step's deadline and cancellation
        "max_retries": 0,
        "_skip_mcp_handler": True,  # litellm 1.106 otherwise imports its MCP proxy for every call with tools
    }
    if request.tools:
        parameters["tools"] = [dict(tool) for tool in request.tools]
    if request.response_format:
        parameters["response_format"] = dict(request.response_format)
    return {**parameters, **request.options}
