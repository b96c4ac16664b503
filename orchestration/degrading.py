"""What is left to pay for a strategy, in the tightest of all budgets that pay, and the event of one not begun."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final
from uuid import UUID

from agents.selectors import catalogue_of, session_id_for
from orchestration.budget_options import TaskBudget
from orchestration.choosing import AUTO, Choice
from orchestration.events.write import EventDraft
from orchestration.strategies import STRATEGIES, Degradation, Means
from orchestration.types import EventKind, TaskRequest
from policy.selectors import budgets_that_pay
from policy.types import BudgetLimits, BudgetRef, BudgetScope, BudgetState, Principal, payer_refs
from shannon_project.config.catalogue import ModelUnknown

SAMPLE_TOKENS: Final = (800_000, 200_000)  # of a million, read and written: about what strategies do
PRICED_BY: Final = "medium"  # the tier by which dollars are counted in tokens, where a request names none


def means_of(
    principal: Principal, request: TaskRequest, budget: TaskBudget, choice: Choice, *, model_tier: str | None
) -> Means | None:
    """Return what is left to pay with in the tightest of the budgets of task, session, user and tenant.

    Those of a day and a month count like those that last, and dollars as the tokens that they buy. Nobody is asked
    where the answer would change nothing; else it is one query, and one for a session that has the caller's own name.

    Args:
        principal: Who pays.
        request: Names the session and perhaps a model.
        budget: What the task and its session are opened with.
        choice: What was chosen.
        model_tier: The tier that is asked for; None: each part has its own.

    Returns:
        None: there is no limit, or the choice has nothing that it could degrade to.
    """
    if choice.strategy != AUTO and not STRATEGIES[choice.strategy].degrades_to:
        return None
    session_id = session_id_for(principal=principal, session_id=request.session_id) if request.session_id else None
    session = () if session_id is None else (BudgetRef(BudgetScope.SESSION, session_id),)
    known = budgets_that_pay(tenant_id=principal.tenant_id, refs=[*session, *payer_refs(principal)])
    usd_per_token = _usd_per_token(principal.tenant_id, tier=model_tier or PRICED_BY, model=request.model_override)
    states = [_unspent(BudgetScope.TASK, budget.task), *_with_session(known, budget.session)]
    found = (means for state in states for means in _left(state, usd_per_token))
    return min(found, key=lambda means: means.tokens, default=None)


def _unspent(scope: BudgetScope, limits: BudgetLimits) -> BudgetState:
    """Return a budget that is yet to be opened."""
    nothing, nobody = Decimal(0), UUID(int=0)
    return BudgetState(scope, nobody, limits.tokens, 0, 0, limits.usd, nothing, nothing)


def _with_session(known: Sequence[BudgetState], asked: BudgetLimits) -> Iterator[BudgetState]:
    """Return the budgets with the session's as the request tightens it, whether it is open or not."""
    if not any(state.scope is BudgetScope.SESSION for state in known):
        yield _unspent(BudgetScope.SESSION, asked)
    for state in known:
        if state.scope is BudgetScope.SESSION:
            limits = asked.tightest(BudgetLimits(state.limit_tokens, state.limit_usd))
            yield replace(state, limit_tokens=limits.tokens, limit_usd=limits.usd)
        else:
            yield state


def _left(state: BudgetState, usd_per_token: Decimal | None) -> Iterator[Means]:
    """Return what a budget has left in tokens, and what its dollars buy."""
    if state.left_tokens is not None:
        yield Means(state.left_tokens, str(state.scope), str(state.period))
    if state.left_usd is not None and usd_per_token:
        tokens = int(state.left_usd / usd_per_token)
        yield Means(tokens, str(state.scope), str(state.period), f"{state.left_usd.normalize():f}")


def _usd_per_token(tenant_id: UUID, *, tier: str, model: str | None) -> Decimal | None:
    """Return what a token of the model costs that would answer; None: its price is not known here."""
    try:
        price = catalogue_of(tenant_id).model_for(tier=tier, override=model).price
    except ModelUnknown:
        return None
    if price is None:
        return None
    prompt, completion = SAMPLE_TOKENS
    return price.cost_usd(prompt_tokens=prompt, completion_tokens=completion) / (prompt + completion)


def degradation_event(item: Degradation) -> EventDraft:
    """Return the event that tells of one step down."""
    return EventDraft(EventKind.BUDGET_THRESHOLD, item.message, item.as_json())
