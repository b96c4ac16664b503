"""Secrets that lie in the database."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from shannon_project.foundation.encryption import SecretUnreadable, secret_decrypt, secret_encrypt


def test_a_secret_is_read_again_and_never_lies_open(settings: Any) -> None:
    settings.SHANNON_ENCRYPTION_KEYS = ()
    token = secret_encrypt("sk-schlüssel")
    assert "schl" not in token
    assert secret_decrypt(token) == "sk-schlüssel"
    assert secret_encrypt("sk-schlüssel") != token


def test_a_new_key_in_front_reads_what_the_old_one_wrote(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.SHANNON_ENCRYPTION_KEYS = (old,)
    token = secret_encrypt("x")
    settings.SHANNON_ENCRYPTION_KEYS = (new, old)
    assert secret_decrypt(token) == "x"
    settings.SHANNON_ENCRYPTION_KEYS = (new,)
    with pytest.raises(SecretUnreadable):
        secret_decrypt(token)


def test_another_secret_key_reads_nothing(settings: Any) -> None:
    settings.SHANNON_ENCRYPTION_KEYS = ()
    token = secret_encrypt("x")
    settings.SECRET_KEY = "another"
    with pytest.raises(SecretUnreadable):
        secret_decrypt(token)


@pytest.mark.parametrize("token", ["", "x", "gAAAAA", "ü"])
def test_what_was_tampered_with_is_not_read(token: str) -> None:
    with pytest.raises(SecretUnreadable):
        secret_decrypt(token)
