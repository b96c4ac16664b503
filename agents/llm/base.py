"""What every gateway to models does; the one in use is `SHANNON_MODEL_GATEWAY`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from agents.llm.credentials import ENVIRONMENT, Credential
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel, ModelPrice

OnDelta = Callable[[str], None]


class ModelGateway(ABC):
    """Asks models. Implementations are safe to use from many threads at once."""

    @abstractmethod
    def warm(self) -> None:
        """Load what the first call would load, so that it does not wait; called when a worker starts.

        A process from which workers are forked calls it too: it opens no connection and leaves no thread behind.
        """

    @abstractmethod
    def price_of(self, model: CatalogueModel) -> ModelPrice | None:
        """Return the catalogue's price of the model, or one that the provider's library knows, or None: unknown."""

    @abstractmethod
    def complete(
        self,
        request: ModelRequest,
        *,
        model: CatalogueModel,
        timeout_seconds: float,
        on_delta: OnDelta | None = None,
        credential: Credential = ENVIRONMENT,
    ) -> ModelReply:
        """Ask a model once and account for it.

        Args:
            request: What to ask; its tier and override were resolved to `model` by the caller.
            model: Which model answers.
            timeout_seconds: For the whole call, above 0.
            on_delta: Called with each piece of text as it comes; without it the answer comes whole.
            credential: With which key, and where.

        Returns:
            The reply, always with token counts; `usage_estimated` tells if the provider sent none.

        Raises:
            ModelUnavailable: The provider does not answer (`ModelTimeout`: not in time); retryable, its fault.
            ModelRateLimited: Too many requests; `details.retry_after_seconds` if the provider said so; retryable.
            ModelRefused: A bad key or no permission; ours to configure. ModelContentFiltered (one of these): the
                provider's content policy holds the answer back.
            ModelRequestInvalid: An unknown model, a prompt too long, a malformed message; our fault.
            ModelAnswerInvalid: The answer could not be read; the provider's fault.
        """


def cost_usd_of(
    price: ModelPrice | None,
    prompt_tokens: int,
    completion_tokens: int,
    *,
    cache_read_tokens: int = 0,
    cache_write_tokens: int = 0,
) -> Decimal | None:
    """Return the price of a call in USD; None when no price is known."""
    if price is None:
        return None
    return price.cost_usd(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cache_read_tokens=cache_read_tokens,
        cache_write_tokens=cache_write_tokens,
    )


def gateway_in_use() -> ModelGateway:
    """Return this process's gateway of the class that `SHANNON_MODEL_GATEWAY` names."""
    return _gateway_of(settings.SHANNON_MODEL_GATEWAY)


@cache
def _gateway_of(dotted_path: str) -> ModelGateway:
    gateway: ModelGateway = import_string(dotted_path)()
    return gateway
