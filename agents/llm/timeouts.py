"""How long each part of a call may take."""

from dataclasses import dataclass
from typing import Final, Self

from django.conf import settings

WHOLE_ANSWER: Final = "the whole answer"  # what a call waited for whose whole time is over


@dataclass(frozen=True, slots=True)
class CallTimeouts:
    """Seconds, all above 0. `first_token` and `between_tokens` are for streamed answers."""

    total: float
    connect: float
    first_token: float
    between_tokens: float

    @classmethod
    def within(cls, total_seconds: float) -> Self:
        """Return the settings' timeouts, none longer than the whole call."""
        return cls(
            total=total_seconds,
            connect=min(total_seconds, settings.SHANNON_MODEL_CONNECT_TIMEOUT_SECONDS),
            first_token=min(total_seconds, settings.SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS),
            between_tokens=min(total_seconds, settings.SHANNON_MODEL_BETWEEN_TOKENS_TIMEOUT_SECONDS),
        )

    @classmethod
    def whole(cls, total_seconds: float) -> Self:
        """Return timeouts of which only the whole counts: an answer that comes at once has no first token."""
        return cls(total_seconds, cls.within(total_seconds).connect, total_seconds, total_seconds)
