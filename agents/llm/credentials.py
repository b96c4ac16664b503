"""What a provider is asked with: whose key, and where."""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

from shannon_project.foundation.encryption import secret_decrypt

ENVIRONMENT_KEY_ID: Final = "environment"
_OPENED_MAX: Final = 1_000
_SECRET_MIN_CHARACTERS: Final = 8  # what is shorter is no key, and would be found in the middle of words
_SECRET_NAME: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_opened: Final = OrderedDict[str, None]()
_opening: Final = threading.Lock()
_environment: Mapping[str, str] = {}


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
        """Return the key itself, which is never written, logged or told.

        Raises:
            SecretUnreadable: It was sealed with a key that the settings no longer have.
        """
        if self.sealed is None:
            return None
        secret = secret_decrypt(self.sealed)
        with _opening:
            _opened[secret] = None
            _opened.move_to_end(secret)
            while len(_opened) > _OPENED_MAX:
                _opened.popitem(last=False)
        return secret


ENVIRONMENT: Final = Credential()


def environment_take(environment: Mapping[str, str]) -> None:
    """Take the environment in which the providers' library finds its keys, to know them when they are told."""
    global _environment  # noqa: PLW0603 - that of the process
    _environment = environment


def secrets_known() -> Sequence[str]:
    """Return what must be told nobody, longest first: some providers repeat the key that they were asked with.

    Those are the keys that this process has asked with lately, and what its settings and environment name as secrets.
    """
    with _opening:
        named = [value for name, value in _environment.items() if _SECRET_NAME.search(name)]
        found = {*_opened, *named, settings.SHANNON_MODEL_API_KEY}
    return sorted((secret for secret in found if len(secret) >= _SECRET_MIN_CHARACTERS), key=len, reverse=True)
