"""Values of the policy app: who acts, what was decided, what it may cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any, Final, Self, TypeVar
from uuid import UUID, uuid5

SCOPES: Final[Mapping[str, str]] = {
    "tasks:read": "See tasks, their events and their results.",
    "tasks:write": "Submit, cancel and control tasks.",
    "sessions:read": "See sessions, their messages and their files.",
    "sessions:write": "Change and delete sessions and their files.",
    "approvals:write": "Decide what waits for a person.",
    "schedules:read": "See schedules and their runs.",
    "schedules:write": "Make, change, pause and delete schedules.",
    "tools:read": "List the tools.",
    "tools:write": "Register servers of tools, with their credentials.",
    "tools:execute": "Let tools be called.",
    "tools:dangerous": "Let tools be called that change the world outside.",
    "admin": "Everything above.",
}
"""Every scope that a key may carry, with what it permits."""


TENANT_WEIGHT_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """What a tenant may take of what all share; see the fields of `Tenant`. None: the platform's default."""

    weight: int = 1
    max_running_steps: int | None = None
    max_open_tasks: int | None = None
    requests_per_minute: int | None = None


class Action(StrEnum):
    """What a policy decides about."""

    TASK_SUBMIT = "task.submit"
    MODEL_CALL = "model.call"
    TOOL_CALL = "tool.call"


class Verdict(StrEnum):
    """A policy's answer."""

    ALLOW = "allow"
    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts: a tenant, a person or key in it, and what that one may do.

    Attributes:
        tenant_id: Whose data it sees and whose money it spends.
        actor: `key:<name>`, `user:<name>` or `system`.
        user_id: The tenant's own name for the person behind the key; may be empty.
        scopes: Keys of `SCOPES`.
        roles: The tenant's own words; only policies read them.
        api_key_id: None when no key was used.
    """

    tenant_id: UUID
    actor: str
    user_id: str
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    api_key_id: UUID | None = None

    def has_scope(self, scope: str) -> bool:
        """Tell whether the principal holds the scope, by itself or by `admin`."""
        return scope in self.scopes or "admin" in self.scopes

    def as_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads back; sets are sorted, so equal principals give equal JSON."""
        return {
            "tenant_id": str(self.tenant_id),
            "actor": self.actor,
            "user_id": self.user_id,
            "scopes": sorted(self.scopes),
            "roles": sorted(self.roles),
            "api_key_id": str(self.api_key_id) if self.api_key_id else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the principal that `as_json` wrote."""
        return cls(
            tenant_id=UUID(value["tenant_id"]),
            actor=value["actor"],
            user_id=value["user_id"],
            scopes=frozenset(value["scopes"]),
            roles=frozenset(value["roles"]),
            api_key_id=UUID(value["api_key_id"]) if value["api_key_id"] else None,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason.

    Attributes:
        verdict: Allow, deny or require approval.
        reason: One sentence for a person; for an allow, which rules allowed it.
        rule: `<policy>.<kind>` of the rule that decided, for example `tool_call.deny`.
        obligations: Limits that come with an allow, for example `{"max_output_tokens": 4096}`.
        policy_versions: Version of every policy that was asked, by name.
    """

    verdict: Verdict
    reason: str
    rule: str
    obligations: Mapping[str, Any] = field(default_factory=dict)
    policy_versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_allowed(self) -> bool:
        """True only for a plain allow."""
        return self.verdict is Verdict.ALLOW

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "verdict": str(self.verdict),
            "rule": self.rule,
            "reason": self.reason,
            "obligations": dict(self.obligations),
            "policy_versions": dict(self.policy_versions),
        }


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


class AuditOutcome(StrEnum):
    """How something ended that is written to the audit log."""

    ALLOWED = "allowed"
    DENIED = "denied"
    APPROVAL_REQUIRED = "approval_required"
    CHANGED = "changed"
