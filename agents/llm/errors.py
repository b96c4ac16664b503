"""What may go wrong between a request and a model's answer, and whose fault it is."""

from dataclasses import dataclass
from decimal import Decimal

from shannon_project.foundation.errors import ShannonError, Unavailable


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What a call used. `cost_usd` None: no price is known. `is_estimate`: the provider did not state the tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None
    is_estimate: bool = True
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def plus(self, other: "ModelUsage") -> "ModelUsage":
        """Return both together; the known cost of each counts."""
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return ModelUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            sum(costs, Decimal(0)) if costs else None,
            self.is_estimate or other.is_estimate,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


class ModelFailure(ShannonError):
    """A model call failed. `used` is what it used nevertheless, None if nothing came of the answer."""

    used: ModelUsage | None = None


class ModelUnavailable(ModelFailure, Unavailable):
    """The model's provider does not answer; try again. The provider's fault."""

    code = "MODEL_UNAVAILABLE"


class ModelTimeout(ModelUnavailable):
    """The model did not answer in time; try again. The provider's fault."""

    code = "MODEL_TIMEOUT"
    http_status = 504


class ModelRateLimited(ModelFailure):
    """The provider limits our rate. `details.retry_after_seconds` says when to try again, if the provider said so."""

    code = "MODEL_RATE_LIMITED"
    retryable = True
    http_status = 429


class ModelRefused(ModelFailure):
    """The provider refuses to answer: a bad or missing key, or no permission. Ours to configure."""

    code = "MODEL_REFUSED"
    http_status = 502


class ModelContentFiltered(ModelRefused):
    """The provider's content policy does not let the model answer this; another provider is not tried for it."""

    code = "MODEL_CONTENT_FILTERED"


class ModelRequestInvalid(ModelFailure):
    """The provider calls the request invalid: an unknown model, a malformed message. Our fault."""

    code = "MODEL_REQUEST_INVALID"
    http_status = 502


class ModelWindowExceeded(ModelRequestInvalid):
    """The request is longer than the model's window; another model's may be larger. Our fault."""


class ModelAnswerInvalid(ModelFailure):
    """The provider's answer is empty or could not be read; trying again may help. The provider's fault."""

    code = "MODEL_ANSWER_INVALID"
    retryable = True
    http_status = 502


class ModelAnswerTooLong(ModelFailure):
    """The answer is longer than is kept; asking again would cost as much and end alike. The provider's fault."""

    code = "MODEL_ANSWER_TOO_LONG"
    http_status = 502
