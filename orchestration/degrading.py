"""What is left to pay for a strategy, and the event that tells of one that was not begun."""

from django.conf import settings

from orchestration.budget_options import TaskBudget
from orchestration.choosing import AUTO, Choice
from orchestration.events.write import EventDraft
from orchestration.strategies import STRATEGIES, Degradation
from orchestration.types import EventKind
from policy.selectors import budget_states
from policy.types import Principal, payer_refs


def tokens_left(principal: Principal, budget: TaskBudget, choice: Choice) -> int | None:
    """Return the least that is left in the budgets of task, user and tenant; asks nobody where it does not matter."""
    if choice.strategy != AUTO and not STRATEGIES[choice.strategy].degrades_to:
        return None
    states = budget_states(tenant_id=principal.tenant_id, refs=payer_refs(principal))
    left = [state.left_tokens for state in states if state.left_tokens is not None]
    return min([budget.tokens or settings.SHANNON_TASK_BUDGET_TOKENS, settings.SHANNON_TASK_BUDGET_TOKENS, *left])


def degradation_event(item: Degradation) -> EventDraft:
    """Return the event that tells of one step down."""
    return EventDraft(EventKind.BUDGET_THRESHOLD, item.message, item.as_json())
