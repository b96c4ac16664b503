"""What a tenant has is read once, and anew when somebody tells that it changed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.tenant_rows.cache import TenantCache

ACME, OTHER = uuid4(), uuid4()


class Rows:
    """Rows of tenants, which count how often they are read, and the numbers that this process knows and that hold."""

    def __init__(self) -> None:
        """Start with one row."""
        self.now = "first"
        self.others: dict[str, str] = {}
        self.asked: list[UUID] = []
        self.known: dict[UUID, int] = {}
        self.number: dict[UUID, int] = {}
        self.cache: TenantCache[str] = TenantCache(self.read, generation=self.generation, ask=self.ask)

    def read(self, tenant_id: UUID) -> Mapping[str, str]:
        """Return the row, and those that were added."""
        self.asked.append(tenant_id)
        return {"row": self.now, **self.others}

    def change(self, tenant_id: UUID, now: str) -> None:
        """Change the row in another process."""
        self.now = now
        self.number[tenant_id] = self.number.get(tenant_id, 0) + 1

    def generation(self, tenant_id: UUID) -> int:
        """Return what this process was told."""
        return self.known.get(tenant_id, 0)

    def ask(self, tenant_id: UUID) -> int:
        """Return what holds."""
        self.known[tenant_id] = self.number.get(tenant_id, 0)
        return self.known[tenant_id]


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture(autouse=True)
def _kept_for_long(settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 3600.0


def test_each_tenants_rows_are_read_once(rows: Rows) -> None:
    assert [rows.cache.of(tenant_id)["row"] for tenant_id in (ACME, OTHER, ACME, OTHER)] == ["first"] * 4
    assert rows.asked == [ACME, OTHER]


def test_rows_that_are_too_old_are_read_anew(rows: Rows, settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHE_SECONDS = 0.0
    rows.cache.of(ACME)
    rows.now = "second"
    assert rows.cache.of(ACME) == {"row": "second"}


def test_what_changed_is_read_anew_as_soon_as_it_is_told_and_others_are_not(rows: Rows) -> None:
    rows.cache.of(ACME)
    rows.cache.of(OTHER)
    rows.change(ACME, "second")
    assert rows.cache.of(ACME) == {"row": "first"}, "nobody has told"
    rows.ask(ACME)
    assert (rows.cache.of(ACME), rows.cache.of(OTHER)) == ({"row": "second"}, {"row": "first"})
    assert rows.asked == [ACME, OTHER, ACME]


def test_what_is_not_among_what_is_known_is_looked_for_among_what_there_is_now(rows: Rows) -> None:
    assert rows.cache.find(ACME, lambda own: own.get("other")) is None
    assert rows.asked == [ACME], "nothing changed, so it is not read again"
    rows.others["other"] = "new"
    rows.change(ACME, "first")
    assert rows.cache.find(ACME, lambda own: own.get("row")) == "first"
    assert rows.asked == [ACME]
    assert rows.cache.find(ACME, lambda own: own.get("other")) == "new"
    assert rows.cache.of(ACME) == {"row": "first", "other": "new"}
    assert rows.asked == [ACME, ACME]


def test_what_was_read_before_a_change_is_not_taken_for_what_is_after_it(rows: Rows) -> None:
    def read_while_it_changes(tenant_id: UUID) -> Mapping[str, str]:
        found = dict(rows.read(tenant_id))
        if rows.now == "first":
            rows.change(tenant_id, "second")
            rows.ask(tenant_id)
        return found

    cache: TenantCache[str] = TenantCache(read_while_it_changes, generation=rows.generation, ask=rows.ask)
    assert cache.of(ACME) == {"row": "first"}
    assert cache.of(ACME) == {"row": "second"}


def test_what_changed_for_everybody_is_read_anew_for_everybody(rows: Rows) -> None:
    def read_while_it_is_forgotten(tenant_id: UUID) -> Mapping[str, str]:
        found = dict(rows.read(tenant_id))
        if rows.now == "first":
            rows.now = "second"
            cache.forget()
        return found

    cache: TenantCache[str] = TenantCache(read_while_it_is_forgotten, generation=rows.generation, ask=rows.ask)
    assert cache.of(ACME) == {"row": "first"}
    assert (cache.of(ACME), cache.of(OTHER)) == ({"row": "second"}, {"row": "second"})
    rows.now = "third"
    cache.forget()
    assert (cache.of(ACME), cache.of(OTHER)) == ({"row": "third"}, {"row": "third"})


def test_no_more_tenants_are_kept_than_it_may_keep(rows: Rows, settings: Any) -> None:
    settings.SHANNON_TENANT_TOOLS_CACHED_TENANTS = 2
    for tenant_id in (ACME, OTHER, uuid4(), ACME):
        rows.cache.of(tenant_id)
    assert rows.asked.count(ACME) == 2
