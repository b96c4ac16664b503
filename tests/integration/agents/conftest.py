"""Fixtures for the tests of agents. Django is not set up yet when pytest loads this file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_django import Settings

    from policy.types import Principal

_SCOPES = frozenset({"tasks:read", "tasks:write", "sessions:write", "tools:execute"})


@pytest.fixture(autouse=True)
def _no_policies_of_another_test() -> Iterator[None]:
    """Rows go with the test; what the process compiled from them must go too."""
    from policy.services import policies_forget  # noqa: PLC0415 - see above

    policies_forget()
    yield
    policies_forget()


@pytest.fixture
def _policies_stay(settings: Settings) -> None:
    """Let no check of what policies and tenants' rows have come to fall into a count of queries on a slow machine."""
    settings.SHANNON_POLICY_RECHECK_SECONDS = 600.0
    settings.SHANNON_REGISTRY_RECHECK_SECONDS = 600.0
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 600.0


@pytest.fixture
def principal(db: None) -> Principal:
    """Somebody of a tenant."""
    return _member("acme", "ada")


@pytest.fixture
def stranger(db: None) -> Principal:
    """Somebody of another tenant."""
    return _member("other", "eve")


def _member(slug: str, user_id: str) -> Principal:
    from policy.services import tenant_seed  # noqa: PLC0415 - see above
    from policy.types import Principal  # noqa: PLC0415 - see above

    return Principal(tenant_seed(slug=slug, name=slug.title()).id, f"key:{slug}", user_id, _SCOPES)
