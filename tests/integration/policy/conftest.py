"""A tenant and a principal for the tests of policy.

Nothing of Django is imported at the top: pytest loads this file before Django is set up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from policy.models import Tenant
    from policy.types import Principal


@pytest.fixture(autouse=True)
def _no_policies_of_another_test() -> Iterator[None]:
    """Rows go with the test; what the process compiled from them must go too."""
    from policy.services import policies_forget  # noqa: PLC0415 - see above

    policies_forget()
    yield
    policies_forget()


@pytest.fixture
def tenant(db: None) -> Tenant:
    from policy.services import tenant_seed  # noqa: PLC0415 - see above

    return tenant_seed(slug="acme", name="Acme")


@pytest.fixture
def principal(tenant: Tenant) -> Principal:
    from policy.types import Principal  # noqa: PLC0415 - see above

    return Principal(tenant.id, "key:test", "ada", frozenset({"tasks:write", "tools:execute"}))
