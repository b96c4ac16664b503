"""What a workflow can cost at most, and its graph: the dry run. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.conf import settings

from agents.selectors import Role
from orchestration.strategies import OFFERED
from orchestration.strategies.listing import items_of
from orchestration.strategies.workflow import COMBINE, Node, Workflow
from orchestration.workflows.calls import most_model_calls, roles_in
from shannon_project.config.catalogue import CatalogueModel, ModelUnknown, catalogue

ANSWER_TOKENS: Final = 8_192  # the most that any step of ours asks for


@dataclass(frozen=True, slots=True)
class _Most:
    """The most that something takes; None: a window or a price is not known."""

    model_calls: int = 0
    tokens: int | None = 0
    cost_usd: Decimal | None = Decimal(0)

    def plus(self, other: "_Most") -> "_Most":
        tokens = None if self.tokens is None or other.tokens is None else self.tokens + other.tokens
        cost = None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd
        return _Most(self.model_calls + other.model_calls, tokens, cost)

    def times(self, count: int) -> "_Most":
        tokens = None if self.tokens is None else self.tokens * count
        return _Most(self.model_calls * count, tokens, None if self.cost_usd is None else self.cost_usd * count)

    def as_json(self) -> dict[str, Any]:
        """Return it, with tokens and dollars no more than the budget of a task, which cannot be overdrawn."""
        budget_tokens, budget_usd = settings.SHANNON_TASK_BUDGET_TOKENS, settings.SHANNON_TASK_BUDGET_USD
        return {
            "model_calls": self.model_calls,
            "tokens": budget_tokens if self.tokens is None else min(self.tokens, budget_tokens),
            "cost_usd": str(budget_usd if self.cost_usd is None else min(self.cost_usd, budget_usd)),
            "is_budget": self.tokens is None or self.tokens > budget_tokens,
        }


def dry_run(
    workflow: Workflow, inputs: Mapping[str, Any] | None = None, *, roles: Mapping[str, Role]
) -> dict[str, Any]:
    """Return `{"nodes", "edges", "answer", "worst_case": {"model_calls", "tokens", "cost_usd", "is_budget"}}`.

    The worst case counts every attempt, every item and every turn at its limit, each call with a full window; a run
    takes a small part of it. It is never more than the budget of a task; `is_budget` says that this is what holds it.

    Args:
        workflow: What would be carried out.
        inputs: Its inputs; None: not known, and every list of them is as long as it may be.
        roles: The tenant's.
    """
    most = {node.id: _node_most(node, inputs, roles) for node in workflow.nodes}
    total = _Most()
    for one in most.values():
        total = total.plus(one)
    return {
        "nodes": [_node(workflow, node, most[node.id]) for node in workflow.in_order()],
        "edges": [{"from": name, "to": node.id} for node in workflow.nodes for name in workflow.before(node)],
        "answer": workflow.answer_node,
        "worst_case": total.as_json(),
    }


def _node(workflow: Workflow, node: Node, most: _Most) -> dict[str, Any]:
    return {
        "id": node.id,
        "title": node.title or node.id,
        "strategy": node.strategy,
        "depends_on": workflow.before(node),
        "when": None if node.when is None else node.when.model_dump(exclude_unset=True),
        "for_each": node.for_each or None,
        "worst_case": most.as_json(),
    }


def _node_most(node: Node, inputs: Mapping[str, Any] | None, roles: Mapping[str, Role]) -> _Most:
    attempts = [(node.strategy, node.tier)] * (1 + node.on_fail.retry)
    if node.on_fail.degrade_to:
        attempts.append((node.on_fail.degrade_to, node.tier))
    if node.on_fail.escalate_to:
        attempts.append((node.strategy, node.on_fail.escalate_to))
    total = _Most()
    for strategy, tier in attempts:
        models = [_model(name) for name in _tiers(node, strategy, tier, roles)]
        most = _call_most(models).times(most_model_calls(strategy, node, roles))
        total = total.plus(most if node.budget_tokens is None else _within(most, node.budget_tokens, models))
    return total.times(_times(node, inputs))


def _within(most: _Most, budget_tokens: int, models: Sequence[CatalogueModel | None]) -> _Most:
    """Return the most that an attempt takes within its budget: at worst all of it at the dearest price."""
    tokens = budget_tokens if most.tokens is None else min(most.tokens, budget_tokens)
    prices = [
        model.price.cost_usd(prompt_tokens=prompt, completion_tokens=tokens - prompt)
        for model in models
        if model is not None and model.price is not None
        for prompt in (0, tokens)
    ]
    cost = most.cost_usd if most.cost_usd is None or not prices else min(most.cost_usd, max(prices))
    return _Most(most.model_calls, tokens, cost)


def _times(node: Node, inputs: Mapping[str, Any] | None) -> int:
    """Return how often a node is done at most: for each item, as many as there are where that is known."""
    if not node.for_each:
        return 1
    kind, _, name = node.for_each.partition(".")
    if inputs is None or kind != "inputs":
        return node.max_items
    return min(len(items_of(inputs.get(name))), node.max_items)


def _call_most(models: Sequence[CatalogueModel | None]) -> _Most:
    """Return the most that one call takes: the window, and the price, of the dearest model that a part may ask."""
    windows = [None if model is None else model.context_window_tokens for model in models]
    prices = [None if model is None else _price(model) for model in models]
    return _Most(
        1,
        None if None in windows else max(window for window in windows if window is not None),
        None if None in prices else max(price for price in prices if price is not None),
    )


def _tiers(node: Node, strategy: str, tier: str, roles: Mapping[str, Role]) -> set[str]:
    """Return the tiers that the parts of an attempt may ask."""
    if tier:
        return {tier}
    if strategy == COMBINE:
        return {"medium"}
    given = (node.parameters.get("tiers") or {}) if strategy == node.strategy else {}
    own = {str(role.tier) for role in roles_in(strategy, node, roles)} | ({"large"} if strategy == "dag" else set())
    found: set[str] = set()
    for part, default in OFFERED[strategy].parts.items():
        wanted = given.get(part) or default
        found |= {wanted} if wanted else own
    return found


def _model(tier: str) -> CatalogueModel | None:
    try:
        return catalogue().model_for(tier=tier, override=None, abilities=frozenset())
    except ModelUnknown:
        return None


def _price(model: CatalogueModel) -> Decimal | None:
    window = model.context_window_tokens
    if model.price is None or window is None:
        return None
    answer = min(model.max_output_tokens or ANSWER_TOKENS, ANSWER_TOKENS, window)
    return model.price.cost_usd(prompt_tokens=window - answer, completion_tokens=answer)
