"""The short way to the offline model, which is in this process: litellm writes the request, and the rest is ours.

litellm takes two milliseconds around an answer that takes a tenth of one, and a thread for each call. As for servers
(`agents/llm/wire/`) it is asked once for each form of request what it would hand to the provider.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.conf import settings

from agents.llm.offline.handler import Noted, calls_noted
from agents.llm.offline.provider import PROVIDER, OfflineAnswer, OfflineProvider
from agents.llm.timeouts import WHOLE_ANSWER, CallTimeouts
from agents.llm.watchdog import CallOverdue
from agents.llm.wire.examples import Examples, form_name
from shannon_project.foundation.coroutines import outside, pause

_PREFIX: Final = f"{PROVIDER}/"


@dataclass(frozen=True, slots=True)
class OfflineRequest:
    """What the provider is handed."""

    messages: Sequence[Mapping[str, Any]]
    parameters: Mapping[str, Any]


class OfflineScribe:
    """Has litellm write requests to the offline model. Thread-safe."""

    def __init__(self, completion: Callable[..., Any]) -> None:
        """Take litellm's `completion`."""
        self._completion = completion
        self._examples: Examples[Mapping[str, Any]] = Examples()

    def request(self, parameters: Mapping[str, Any]) -> OfflineRequest | None:
        """Return what the provider is to be handed; None: it is another one's call, or one that litellm must make.

        Args:
            parameters: The arguments of `litellm.completion`.
        """
        if not str(parameters["model"]).startswith(_PREFIX):
            return None
        messages = parameters["messages"]
        known = form_name(parameters, messages)
        if known is None:
            return None
        example = self._examples.find(known)
        if example is not None:
            return OfflineRequest(messages, example)
        noted = self._noted(parameters)
        if noted is not None and noted.messages == messages:
            self._examples.keep(known, noted.parameters)
        return None if noted is None else OfflineRequest(noted.messages, noted.parameters)

    def _noted(self, parameters: Mapping[str, Any]) -> Noted | None:
        asked = {name: value for name, value in parameters.items() if name not in {"stream", "stream_options"}}
        try:
            with calls_noted():
                self._completion(**asked)
        except Noted as noted:
            return noted
        return None


def offline_answer(request: OfflineRequest, timeouts: CallTimeouts) -> OfflineAnswer:
    """Return an answer.

    Raises:
        CallOverdue: Its time is over.
    """
    latency_seconds = settings.SHANNON_OFFLINE_LATENCY_SECONDS
    patience_seconds = min(timeouts.first_token, timeouts.total)
    if latency_seconds:
        pause(min(latency_seconds, patience_seconds))
    if latency_seconds > patience_seconds:
        raise CallOverdue(WHOLE_ANSWER if timeouts.total <= timeouts.first_token else "the first token")
    return outside(partial(OfflineProvider().answer_at_once, messages=request.messages, parameters=request.parameters))


def offline_pieces(request: OfflineRequest, timeouts: CallTimeouts) -> Generator[dict[str, Any]]:
    """Yield the pieces of an answer. Raises as `offline_answer`."""
    yield from offline_answer(request, timeouts).pieces()
