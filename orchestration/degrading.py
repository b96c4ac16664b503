"""What is left to pay for a strategy, and the event that tells of one that was not begun."""

from django.conf import settings

from orchestration.budget_options import TaskBudget
from orchestration.choosing import Choice, Degradation
from orchestration.events.write import EventDraft
from orchestration.strategies import STRATEGIES
from orchestration.types import EventKind
from policy.selectors import budget_states
from policy.types import BudgetRef, BudgetScope, Principal


def tokens_left(principal: Principal, budget: TaskBudget, choice: Choice) -> int | None:
    """Return the least that is left in the task's and the tenant's budget; asks nobody where it does not matter."""
    if not STRATEGIES[choice.strategy].degrades_to:
        return None
    states = budget_states(tenant_id=principal.tenant_id, refs=[BudgetRef(BudgetScope.TENANT, principal.tenant_id)])
    left = [state.left_tokens for state in states if state.left_tokens is not None]
    return min([budget.tokens or settings.SHANNON_TASK_BUDGET_TOKENS, settings.SHANNON_TASK_BUDGET_TOKENS, *left])


def degradation_event(item: Degradation) -> EventDraft:
    message = f"{item.left_tokens} tokens are left and {item.asked} needs {item.needs_tokens}: {item.taken} instead"
    return EventDraft(EventKind.BUDGET_THRESHOLD, message, item.as_json())
