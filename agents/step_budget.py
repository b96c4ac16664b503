"""Budgets of a step, or of a few that share one, beside those of its task, session and tenant."""

from dataclasses import replace
from uuid import uuid5

from agents.context import StepContext
from policy.services import budget_open, budget_tighten
from policy.types import BudgetLimits, BudgetRef, BudgetScope


def step_limited(ctx: StepContext, limits: BudgetLimits) -> StepContext:
    """Return the context of a step that may use no more than this; without limits it is the same, and free.

    One statement; two when the step has a budget already, of which the tighter one then holds.
    """
    if not limits.is_limited:
        return ctx
    ref = BudgetRef(BudgetScope.STEP, ctx.step_id)
    budget_open(
        tenant_id=ctx.principal.tenant_id,
        scope=ref.scope,
        scope_id=ref.scope_id,
        limit_tokens=limits.tokens,
        limit_usd=limits.usd,
        cheaper_tier_percent=limits.cheaper_tier_percent,
        smaller_output_percent=limits.smaller_output_percent,
        ask_person_percent=limits.ask_person_percent,
    )
    if ref in ctx.budgets:
        budget_tighten(tenant_id=ctx.principal.tenant_id, scope=ref.scope, scope_id=ref.scope_id, limits=limits)
        return ctx
    return replace(ctx, budgets=(*ctx.budgets, ref))


def node_limited(ctx: StepContext, *, name: str, tokens: int) -> StepContext:
    """Return the context of a step that shares a budget with the task's other steps of the same `name`. One statement.

    Args:
        ctx: The step's.
        name: Of what they belong to, unique in their task.
        tokens: What all of them together may use.
    """
    ref = BudgetRef(BudgetScope.NODE, uuid5(ctx.task_id, name))
    budget_open(
        tenant_id=ctx.principal.tenant_id, scope=ref.scope, scope_id=ref.scope_id, limit_tokens=tokens, limit_usd=None
    )
    return replace(ctx, budgets=(*ctx.budgets, ref))
