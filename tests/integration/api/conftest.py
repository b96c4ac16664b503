"""Callers as fixtures. Models are imported inside: Django is set up after conftests are loaded."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.api.callers import Caller


@pytest.fixture
def caller_with(db: None) -> "Callable[..., Caller]":
    """Make callers of our tenant with chosen scopes."""
    from tests.integration.api.callers import caller_of  # noqa: PLC0415

    return lambda *scopes: caller_of("ours", list(scopes))


@pytest.fixture
def caller(db: None) -> "Caller":
    """A caller who may do everything but administer."""
    from tests.integration.api.callers import ALL_SCOPES, caller_of  # noqa: PLC0415

    return caller_of("ours", ALL_SCOPES)


@pytest.fixture
def stranger(db: None) -> "Caller":
    """Somebody of another tenant."""
    from tests.integration.api.callers import ALL_SCOPES, caller_of  # noqa: PLC0415

    return caller_of("theirs", ALL_SCOPES)
