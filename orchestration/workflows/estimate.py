"""What a workflow can cost at most, and its graph: the dry run. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from agents.selectors import Role
from orchestration.strategies import OFFERED
from orchestration.strategies.workflow import COMBINE, Node, Workflow
from orchestration.workflows.calls import most_model_calls, role_of
from shannon_project.config.catalogue import ModelUnknown, catalogue

# A call of an agent in the middle of its work: what it has read so far, and the most that its role may write.
PROMPT_TOKENS: Final = 8_000
COMPLETION_TOKENS: Final = 4_096


def dry_run(workflow: Workflow, *, roles: Mapping[str, Role]) -> dict[str, Any]:
    """Return `{"nodes", "edges", "answer", "worst_case": {"model_calls", "tokens", "cost_usd"}}`.

    The worst case counts every attempt, every item and every turn at its limit; a run takes a small part of it. The
    cost is None when a price is unknown.
    """
    nodes = [_node(workflow, node, role_of(node, roles)) for node in workflow.in_order()]
    costs = [node["worst_case"]["cost_usd"] for node in nodes]
    return {
        "nodes": nodes,
        "edges": [{"from": name, "to": node.id} for node in workflow.nodes for name in workflow.before(node)],
        "answer": workflow.answer_node,
        "worst_case": {
            "model_calls": sum(node["worst_case"]["model_calls"] for node in nodes),
            "tokens": sum(node["worst_case"]["tokens"] for node in nodes),
            "cost_usd": None if None in costs else str(sum((Decimal(cost) for cost in costs), Decimal(0))),
        },
    }


def _node(workflow: Workflow, node: Node, role: Role) -> dict[str, Any]:
    attempts = [(node.strategy, node.tier)] * (1 + node.on_fail.retry)
    if node.on_fail.degrade_to:
        attempts.append((node.on_fail.degrade_to, node.tier))
    if node.on_fail.escalate_to:
        attempts.append((node.strategy, node.on_fail.escalate_to))
    times = node.max_items if node.for_each else 1
    calls = [(most_model_calls(strategy, node, role), tier) for strategy, tier in attempts]
    prices = [_call_usd(node, tier, role) for _, tier in calls]
    known = [count * price for (count, _), price in zip(calls, prices, strict=True) if price is not None]
    total = sum(count for count, _ in calls) * times
    return {
        "id": node.id,
        "title": node.title or node.id,
        "strategy": node.strategy,
        "depends_on": workflow.before(node),
        "when": None if node.when is None else node.when.model_dump(exclude_unset=True),
        "for_each": node.for_each or None,
        "worst_case": {
            "model_calls": total,
            "tokens": total * (PROMPT_TOKENS + COMPLETION_TOKENS),
            "cost_usd": str(sum(known, Decimal(0)) * times) if len(known) == len(calls) else None,
        },
    }


def _call_usd(node: Node, tier: str, role: Role) -> Decimal | None:
    """Return the price of one call; without a tier that of the dearest that the node's strategy takes by itself."""
    parts = OFFERED[node.strategy].parts if node.strategy != COMBINE else {"combine": "medium"}
    prices = [_price(name) for name in ([tier] if tier else {part or role.tier for part in parts.values()})]
    known = [price for price in prices if price is not None]
    return max(known) if len(known) == len(prices) and known else None


def _price(tier: str) -> Decimal | None:
    try:
        price = catalogue().model_for(tier=tier, override=None, abilities=frozenset()).price
    except ModelUnknown:
        return None
    if price is None:
        return None
    return price.cost_usd(prompt_tokens=PROMPT_TOKENS, completion_tokens=COMPLETION_TOKENS)
