"""What may go wrong between a request and a model's answer, and whose fault it is."""

from shannon_project.foundation.errors import ShannonError, Unavailable


class ModelUnavailable(Unavailable):
    """The model's provider does not answer; try again. The provider's fault."""

    code = "MODEL_UNAVAILABLE"


class ModelTimeout(ModelUnavailable):
    """The model did not answer in time; try again. The provider's fault."""

    code = "MODEL_TIMEOUT"
    http_status = 504


class ModelRateLimited(ShannonError):
    """The provider limits our rate. `details.retry_after_seconds` says when to try again, if the provider said so."""

    code = "MODEL_RATE_LIMITED"
    retryable = True
    http_status = 429


class ModelRefused(ShannonError):
    """The provider refuses to answer: a bad or missing key, no permission, or its content policy. Ours to configure."""

    code = "MODEL_REFUSED"
    http_status = 502


class ModelRequestInvalid(ShannonError):
    """The provider calls the request invalid: an unknown model, a prompt too long, a malformed message. Our fault."""

    code = "MODEL_REQUEST_INVALID"
    http_status = 502


class ModelAnswerInvalid(ShannonError):
    """The provider's answer could not be read; trying again may help. The provider's fault."""

    code = "MODEL_ANSWER_INVALID"
    retryable = True
    http_status = 502
