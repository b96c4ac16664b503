"""A gateway that answers what it is told to, and counts what it is asked; for tests, chosen by settings."""

import threading
from collections.abc import Callable, Iterable

from agents.llm.base import ModelGateway, OnDelta, cost_usd_of
from agents.llm.credentials import ENVIRONMENT, Credential
from agents.llm.estimates import prompt_tokens_estimate, text_tokens_estimate
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel, ModelPrice
from shannon_project.foundation.errors import ShannonError

Script = Iterable[ModelReply | ShannonError | str]
Respond = Callable[[ModelRequest], ModelReply | str]


class FakeGateway(ModelGateway):
    """Answers from a script, then by `respond`, then with the last user message.

    Attributes:
        requests: Every request, in order.
        models: The name of the model asked, in order.
        key_ids: The key it was asked with, in order.
        warmed: How often `warm` was called.
    """

    def __init__(self, script: Script = (), respond: Respond | None = None) -> None:
        """Make a fake.

        Args:
            script: What to answer, one item a call; a text becomes a reply, an error is raised.
            respond: Answers when the script is over.
        """
        self.requests: list[ModelRequest] = []
        self.models: list[str] = []
        self.key_ids: list[str] = []
        self.warmed = 0
        self._script = iter(script)
        self._respond = respond
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Count."""
        self.warmed += 1

    def price_of(self, model: CatalogueModel) -> ModelPrice | None:
        """Return the catalogue's price."""
        return model.price

    def complete(
        self,
        request: ModelRequest,
        *,
        model: CatalogueModel,
        timeout_seconds: float,  # noqa: ARG002 - a fake is never late
        on_delta: OnDelta | None = None,
        credential: Credential = ENVIRONMENT,
    ) -> ModelReply:
        """Return or raise the next item; a text is streamed as one piece. See `ModelGateway.complete`."""
        with self._lock:
            self.requests.append(request)
            self.models.append(model.name)
            self.key_ids.append(credential.key_id)
            item = next(self._script, None)
        if isinstance(item, ShannonError):
            raise item
        if item is None:
            item = self._respond(request) if self._respond else str(request.messages[-1].get("content") or "")
        reply = _reply(item, request, model) if isinstance(item, str) else item
        if on_delta is not None and reply.text:
            on_delta(reply.text)
        return reply


def _reply(text: str, request: ModelRequest, model: CatalogueModel) -> ModelReply:
    prompt_tokens, completion_tokens = prompt_tokens_estimate(request), text_tokens_estimate(text)
    return ModelReply(
        text=text,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost_usd=cost_usd_of(model.price, prompt_tokens, completion_tokens),
        model=model.name,
        provider=model.provider,
    )
