"""Steps for tests of agents; the engine is a fake one with real transactions."""

from dataclasses import replace

from agents.context import StepContext
from agents.fake_engine import FakeStepEngine, fake_context
from agents.services import session_open
from policy.types import BudgetRef, BudgetScope, Principal


def step_of(principal: Principal) -> StepContext:
    """Return a step in a new session of the principal, paid from the tenant's budget."""
    session = session_open(principal=principal, session_id=None)
    return fake_context(
        engine=FakeStepEngine(uses_database=True),
        principal=principal,
        session_id=session.id,
        budgets=(BudgetRef(BudgetScope.TENANT, principal.tenant_id),),
    )


def next_attempt(ctx: StepContext) -> StepContext:
    """Return the same step as another worker would be handed it."""
    return replace(ctx, attempt=ctx.attempt + 1)


def engine_of(ctx: StepContext) -> FakeStepEngine:
    """Return the step's engine as the fake that it is."""
    assert isinstance(ctx.engine, FakeStepEngine)
    return ctx.engine
