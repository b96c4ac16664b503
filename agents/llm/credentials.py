"""What a provider is asked with: whose key, and where."""

from dataclasses import dataclass, field
from typing import Final

from shannon_project.foundation.encryption import secret_decrypt

ENVIRONMENT_KEY_ID: Final = "environment"


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to a provider.

    Attributes:
        key_id: Tells keys apart in limits, circuit breakers, rows and logs; it is not secret.
        sealed: The key as its row holds it; None: litellm takes the one of its environment variable.
        api_base: Address of the server; None: the model's, or else the provider's.
    """

    key_id: str = ENVIRONMENT_KEY_ID
    sealed: str | None = field(default=None, repr=False)
    api_base: str | None = None

    def secret(self) -> str | None:
        """Return the key itself, which is nowhere kept, logged or told.

        Raises:
            SecretUnreadable: It was sealed with a key that the settings no longer have.
        """
        return None if self.sealed is None else secret_decrypt(self.sealed)


ENVIRONMENT: Final = Credential()
