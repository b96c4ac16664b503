"""Secrets of others that must be read again: provider keys, credentials of MCP servers. Encrypted where they lie.

Fernet (AES-128-CBC with HMAC-SHA256: https://github.com/fernet/spec) by the `cryptography` package. The first of
`SHANNON_ENCRYPTION_KEYS` encrypts, each of them decrypts, so a key is replaced by putting a new one in front. Without
any, the key is derived from the secret key, which then must not change.
"""

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from shannon_project.foundation.errors import ShannonError

_DERIVED_FOR = b"shannon: secrets in the database"


class SecretUnreadable(ShannonError):
    """A stored secret was encrypted with a key that is not configured any more; it must be entered again."""

    code = "SECRET_UNREADABLE"


def secret_encrypt(text: str) -> str:
    """Return the text encrypted, as printable ASCII."""
    return _keys(settings.SHANNON_ENCRYPTION_KEYS, settings.SECRET_KEY).encrypt(text.encode()).decode("ascii")


def secret_decrypt(token: str) -> str:
    """Return what `secret_encrypt` was given.

    Raises:
        SecretUnreadable: No configured key fits, or it was tampered with (the operator's fault).
    """
    try:
        return _keys(settings.SHANNON_ENCRYPTION_KEYS, settings.SECRET_KEY).decrypt(token.encode("ascii")).decode()
    except (InvalidToken, UnicodeError) as error:
        raise SecretUnreadable from error


@lru_cache(maxsize=4)
def _keys(keys: tuple[str, ...], secret_key: str) -> MultiFernet:
    if keys:
        return MultiFernet([Fernet(key) for key in keys])
    derived = hashlib.blake2b(_DERIVED_FOR, key=hashlib.sha512(secret_key.encode()).digest(), digest_size=32).digest()
    return MultiFernet([Fernet(base64.urlsafe_b64encode(derived))])
