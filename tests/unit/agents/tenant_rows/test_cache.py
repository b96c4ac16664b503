"""What a tenant has is read once in a while, and anew when somebody says that it changed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.tenant_rows.cache import TenantCache

ACME, OTHER = uuid4(), uuid4()


class Rows:
    """Counts how often it is read."""

    def __init__(self) -> None:
        """Start with one row."""
        self.now = "first"
        self.others: dict[str, str] = {}
        self.asked: list[UUID] = []

    def read(self, tenant_id: UUID) -> Mapping[str, str]:
        """Return the row, and those that were added."""
        self.asked.append(tenant_id)
        return {"row": self.now, **self.others}


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture(autouse=True)
def _kept_for_long(settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 3600.0


def test_each_tenants_rows_are_read_once_in_a_while(rows: Rows) -> None:
    cache = TenantCache(rows.read)
    assert [cache.of(tenant_id)["row"] for tenant_id in (ACME, OTHER, ACME, OTHER)] == ["first"] * 4
    assert rows.asked == [ACME, OTHER]


def test_rows_that_are_too_old_are_read_anew(rows: Rows, settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 0.0
    cache = TenantCache(rows.read)
    cache.of(ACME)
    rows.now = "second"
    assert cache.of(ACME) == {"row": "second"}


def test_what_is_not_among_what_is_kept_is_looked_for_among_what_there_is_now(rows: Rows) -> None:
    cache = TenantCache(rows.read)
    assert cache.find(ACME, lambda own: own.get("other")) is None
    assert rows.asked == [ACME]
    cache.of(ACME)
    rows.others["other"] = "new"
    assert cache.find(ACME, lambda own: own.get("row")) == "first"
    assert rows.asked == [ACME]
    assert cache.find(ACME, lambda own: own.get("other")) == "new"
    assert cache.of(ACME) == {"row": "first", "other": "new"}
    assert rows.asked == [ACME, ACME]


def test_what_was_forgotten_is_read_anew_and_others_are_not(rows: Rows) -> None:
    cache = TenantCache(rows.read)
    cache.of(ACME)
    cache.of(OTHER)
    rows.now = "second"
    cache.forget(ACME)
    assert (cache.of(ACME), cache.of(OTHER)) == ({"row": "second"}, {"row": "first"})


def test_what_was_read_before_a_change_is_not_kept_after_it(rows: Rows) -> None:
    def read_while_it_changes(tenant_id: UUID) -> Mapping[str, str]:
        found = dict(rows.read(tenant_id))
        if rows.now == "first":
            rows.now = "second"
            cache.forget(tenant_id)
        return found

    cache: TenantCache[str] = TenantCache(read_while_it_changes)
    assert cache.of(ACME) == {"row": "first"}
    assert cache.of(ACME) == {"row": "second"}


def test_no_more_tenants_are_kept_than_it_may_keep(rows: Rows, settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHED_TENANTS = 2
    cache = TenantCache(rows.read)
    for tenant_id in (ACME, OTHER, uuid4(), ACME):
        cache.of(tenant_id)
    assert rows.asked.count(ACME) == 2
