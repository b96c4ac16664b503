"""Who gets the next free thread, by numbers alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from orchestration.engine.fairness import TenantLoad, next_tenant, shared_slots, slots_free_for

A, B, C = uuid4(), uuid4(), uuid4()
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def loads(*rows: TenantLoad) -> dict[UUID, TenantLoad]:
    return {row.tenant_id: row for row in rows}


def waits(
    tenant_id: UUID, held: int = 0, *, since_seconds: int = 0, weight: int = 1, limit: int | None = None
) -> TenantLoad:
    return TenantLoad(tenant_id, held, weight, limit, (2, BEGIN + timedelta(seconds=since_seconds)))


@pytest.mark.parametrize(("capacity", "shared"), [(0, 0), (1, 1), (2, 1), (4, 3), (16, 14), (200, 175)])
def test_a_reserve_is_kept_for_who_comes_next(capacity: int, shared: int) -> None:
    assert shared_slots(capacity, 0.125) == shared


def test_a_tenant_that_is_alone_may_have_all_that_is_shared() -> None:
    assert slots_free_for(A, loads(TenantLoad(A)), 14) == 14
    assert slots_free_for(A, loads(TenantLoad(A, held=14)), 14) == 0


def test_a_tenant_below_its_share_is_served_although_all_is_given_out() -> None:
    assert slots_free_for(B, loads(TenantLoad(A, held=14), TenantLoad(B)), 14) == 7
    assert slots_free_for(B, loads(TenantLoad(A, held=14), TenantLoad(B, held=7)), 14) == 0


def test_everyone_is_sure_of_one_slot_however_many_there_are() -> None:
    many = loads(*(TenantLoad(uuid4(), held=1) for _ in range(40)), TenantLoad(B))
    assert slots_free_for(B, many, 14) == 1


def test_shares_are_in_proportion_to_weights() -> None:
    both = loads(TenantLoad(A, held=14), TenantLoad(B, weight=6))
    assert slots_free_for(B, both, 14) == 12


def test_what_is_free_beyond_the_share_goes_to_who_waits_and_is_served_worse() -> None:
    two = loads(TenantLoad(A, held=8), waits(B, held=1))
    assert slots_free_for(A, two, 14) == 0
    assert slots_free_for(B, two, 14) == 6


def test_nobody_is_held_back_by_a_tenant_at_its_own_limit() -> None:
    two = loads(TenantLoad(A, held=8), waits(B, held=1, limit=1))
    assert slots_free_for(A, two, 14) == 5
    assert slots_free_for(B, two, 14) == 0


def test_the_worst_served_tenant_is_next_and_the_longest_waiting_of_equals() -> None:
    assert next_tenant(loads(waits(A, held=3), waits(B, held=1, since_seconds=9)), 14) == B
    assert next_tenant(loads(waits(A, since_seconds=5), waits(B, since_seconds=4)), 14) == B
    assert next_tenant(loads(waits(A, held=3, weight=4), waits(B, held=1)), 14) == A


def test_nobody_is_next_when_nobody_waits_or_nothing_is_free() -> None:
    assert next_tenant(loads(TenantLoad(A, held=3)), 14) is None
    assert next_tenant(loads(waits(A, held=14)), 14) is None
    assert next_tenant({}, 14) is None
