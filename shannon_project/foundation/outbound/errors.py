"""Errors of requests that leave the platform."""

from shannon_project.foundation.errors import InvalidInput, ShannonError


class OutboundRefused(InvalidInput):
    """The address may not be reached from here; another one may."""

    code = "HTTP_REFUSED"


class OutboundFailed(ShannonError):
    """The other server could not be reached, or broke off; it may be worth trying again later."""

    code = "HTTP_FAILED"
    http_status = 502


class OutboundTimeout(OutboundFailed):
    """The other server did not answer in time."""

    code = "HTTP_TIMEOUT"
    http_status = 504


class OutboundTooLarge(OutboundFailed):
    """The other server sent more than may be read."""

    code = "HTTP_TOO_LARGE"
