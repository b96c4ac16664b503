"""What a provider is asked with: whose key, and where."""

from dataclasses import dataclass, field
from typing import Final

ENVIRONMENT_KEY_ID: Final = "environment"


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to a provider.

    Attributes:
        key_id: Tells keys apart in limits, circuit breakers, rows and logs; it is not secret.
        secret: The key; None: litellm takes the one of its environment variable. Never shown, logged or stored.
        api_base: Address of the server; None: the model's, or else the provider's.
    """

    key_id: str = ENVIRONMENT_KEY_ID
    secret: str | None = field(default=None, repr=False)
    api_base: str | None = None


ENVIRONMENT: Final = Credential()
