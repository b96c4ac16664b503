"""How our own processes know each other over loopback or a private network: a token made of the secret key."""

from functools import lru_cache
from typing import Final

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

TOKEN_HEADER: Final = "x-shannon-internal"  # noqa: S105 - a header's name
PRINCIPAL_HEADER: Final = "x-shannon-principal"
REQUEST_ID_HEADER: Final = "x-request-id"


def internal_token() -> str:
    """Return the token; processes with the same `SHANNON_SECRET_KEY` have the same."""
    return _token(settings.SECRET_KEY)


@lru_cache(maxsize=4)
def _token(secret: str) -> str:
    return salted_hmac("shannon.internal", "gateway", secret=secret, algorithm="sha256").hexdigest()


def is_internal(token: str) -> bool:
    """Tell whether a request that carries this token comes from a process of ours."""
    return constant_time_compare(token, internal_token())
