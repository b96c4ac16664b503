"""Budgets: whose they are, how far they go, and what is left."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, TypeVar
from uuid import UUID, uuid5

from policy.types.principals import Principal


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens and US dollars."""

    tokens: int = 0
    usd: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.tokens < 0 or self.usd < 0:
            raise ValueError("An amount is never negative.")

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.usd + other.usd)


class BudgetScope(StrEnum):
    """What a budget is a budget of."""

    REQUEST = "request"  # one model call; a limit of the caller's, no row
    STEP = "step"
    NODE = "node"  # of a template: the steps of one attempt at it share one
    TASK = "task"
    SESSION = "session"
    USER = "user"  # optional: a user without a row has no limit of its own
    TENANT = "tenant"


class BudgetPeriod(StrEnum):
    """For how long a budget counts before it begins anew, in UTC."""

    NONE = ""
    DAY = "day"
    MONTH = "month"


class Degradation(IntEnum):
    """How a call is made cheaper when a budget asks for it; each level has what the levels below it have."""

    NONE = 0
    CHEAPER_TIER = 1
    SMALLER_OUTPUT = 2


@dataclass(frozen=True, slots=True)
class BudgetRef:
    """Names the budgets of one thing, whatever their period: `scope_id` is the id of the task, session, tenant, ….

    A user's is `user_scope_id`. There must be one, except of a user.
    """

    scope: BudgetScope
    scope_id: UUID


def user_scope_id(*, tenant_id: UUID, user_id: str) -> UUID:
    """Return the id under which the budgets of a tenant's user are kept."""
    return uuid5(tenant_id, user_id)


def payer_refs(principal: Principal) -> tuple[BudgetRef, ...]:
    """Return the budgets of who acts: the tenant's, and the user's if it has any."""
    user_id = user_scope_id(tenant_id=principal.tenant_id, user_id=principal.user_id)
    return BudgetRef(BudgetScope.USER, user_id), BudgetRef(BudgetScope.TENANT, principal.tenant_id)


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """Limits that somebody asks for; None: none. Percentages (1 to 100) say from what part of it on.

    Attributes:
        tokens: Prompts and answers together.
        usd: US dollars.
        cheaper_tier_percent: From there on a cheaper model answers.
        smaller_output_percent: From there on answers are shorter as well.
        ask_person_percent: From there on a person is asked before it goes on.
    """

    tokens: int | None = None
    usd: Decimal | None = None
    cheaper_tier_percent: int | None = None
    smaller_output_percent: int | None = None
    ask_person_percent: int | None = None

    def tightest(self, other: "BudgetLimits") -> "BudgetLimits":
        """Return what holds when both hold."""
        return BudgetLimits(
            _least(self.tokens, other.tokens),
            _least(self.usd, other.usd),
            _least(self.cheaper_tier_percent, other.cheaper_tier_percent),
            _least(self.smaller_output_percent, other.smaller_output_percent),
            _least(self.ask_person_percent, other.ask_person_percent),
        )

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self.tokens is not None or self.usd is not None


N = TypeVar("N", int, Decimal)


def _least(first: N | None, second: N | None) -> N | None:
    known = [value for value in (first, second) if value is not None]
    return min(known) if known else None


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget at one moment. A limit of None means unlimited."""

    scope: BudgetScope
    scope_id: UUID
    limit_tokens: int | None
    spent_tokens: int
    reserved_tokens: int
    limit_usd: Decimal | None
    spent_usd: Decimal
    reserved_usd: Decimal
    period: BudgetPeriod = BudgetPeriod.NONE
    subject: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return what events and questions tell of it; dollars are text."""
        values: dict[str, Any] = {"scope": str(self.scope), "scope_id": str(self.scope_id), "period": str(self.period)}
        for name in ("limit", "spent", "reserved"):
            for unit in ("tokens", "usd"):
                value = getattr(self, f"{name}_{unit}")
                values[f"{name}_{unit}"] = str(value) if isinstance(value, Decimal) else value
        return values

    @property
    def left_tokens(self) -> int | None:
        """Tokens that may still be reserved (never negative); None when unlimited."""
        if self.limit_tokens is None:
            return None
        return max(0, self.limit_tokens - self.spent_tokens - self.reserved_tokens)

    @property
    def left_usd(self) -> Decimal | None:
        """US dollars that may still be reserved (never negative); None when unlimited."""
        if self.limit_usd is None:
            return None
        return max(Decimal(0), self.limit_usd - self.spent_usd - self.reserved_usd)
