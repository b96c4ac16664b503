"""Money that is set aside before a call and settled after it, and the ledger of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from policy.types.budgets import Amount, BudgetRef, BudgetState, Degradation


@dataclass(frozen=True, slots=True)
class Purchase:
    """What an amount was paid for, as the accounts tell it.

    Attributes:
        user_id: The tenant's own name for who acted.
        task_id: None when no task did it.
        model: Who was asked; empty if nobody was.
        prompt_tokens: Tokens read.
        completion_tokens: Tokens written.
        is_price_known: False: the amount in dollars is not all that it cost.
        is_estimate: The provider did not state the tokens.
    """

    user_id: str = ""
    task_id: UUID | None = None
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    is_price_known: bool = True
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """An effect that is paid when it has happened: what, for whom, from which budgets."""

    tenant_id: UUID
    step_id: UUID
    position: int
    budgets: tuple[BudgetRef, ...]
    amount: Amount
    purchase: Purchase = field(default_factory=Purchase)


@dataclass(frozen=True, slots=True)
class Reserving:
    """What is to be set aside; see `policy.services.budget_reserve`."""

    tenant_id: UUID
    step_id: UUID
    position: int
    budgets: "Sequence[BudgetRef]"
    amount: Amount
    cheaper: "Mapping[Degradation, Amount] | None" = None
    purchase: Purchase | None = None
    is_consented: bool = False
    was_begun: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Money to be set aside for an effect that is about to happen, if nothing has to be decided about it."""

    tenant_id: UUID
    step_id: UUID
    position: int
    budgets: tuple[BudgetRef, ...]
    amount: Amount
    purchase: Purchase


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an effect cost for which money was set aside; `actual` None: nobody knows, so what was set aside."""

    step_id: UUID
    position: int
    actual: Amount | None
    purchase: Purchase = field(default_factory=Purchase)


@dataclass(frozen=True, slots=True)
class Reserved:
    """Money was set aside. `crossed` are the budgets that came to their warning threshold by it, for the first time."""

    level: Degradation
    crossed: "tuple[BudgetState, ...]" = ()


class ReservationStatus(StrEnum):
    """Where reserved money is: set aside, paid, or given back."""

    HELD = "held"
    SETTLED = "settled"
    RELEASED = "released"
    EXPIRED = "expired"  # nobody told how it ended: charged as it was reserved


class UsageKey(StrEnum):
    """What of the accounts can be told apart; each but the times is a field of a ledger entry."""

    DAY = "day"
    MONTH = "month"
    MODEL = "model"
    USER = "user_id"
    TASK = "task_id"
    TENANT = "tenant__slug"


class LedgerKind(StrEnum):
    """Why something stands in the ledger."""

    SETTLED = "settled"
    CHARGED = "charged"
    EXPIRED = "expired"
    OPENING = "opening"  # what a budget had spent before there was a ledger, for each budget by itself
    CORRECTED = "corrected"  # the difference to an expired reservation, told late; may be negative
