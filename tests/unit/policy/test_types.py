"""Values."""

from decimal import Decimal
from uuid import uuid4

import pytest

from policy.types import SCOPES, Amount, BudgetScope, BudgetState, Principal


def test_a_principal_survives_json() -> None:
    principal = Principal(uuid4(), "key:k", "u", frozenset(SCOPES), frozenset({"analyst"}), uuid4())
    assert Principal.from_json(principal.as_json()) == principal
    system = Principal(uuid4(), "system", "")
    assert Principal.from_json(system.as_json()) == system


def test_admin_holds_every_scope() -> None:
    principal = Principal(uuid4(), "key:k", "u", frozenset({"admin"}))
    assert all(principal.has_scope(scope) for scope in SCOPES)
    assert not Principal(uuid4(), "key:k", "u", frozenset({"tasks:read"})).has_scope("tasks:write")


def test_amounts_add_and_are_never_negative() -> None:
    assert Amount(1, Decimal("0.1")) + Amount(2, Decimal("0.2")) == Amount(3, Decimal("0.3"))
    with pytest.raises(ValueError, match="negative"):
        Amount(tokens=-1)


def test_what_is_left_is_never_negative_and_unlimited_is_none() -> None:
    state = BudgetState(BudgetScope.TASK, uuid4(), 10, 12, 3, None, Decimal(1), Decimal(0))
    assert state.left_tokens == 0
    assert state.left_usd is None
