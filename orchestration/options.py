"""What a request may ask for: every option works, or is refused by name. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.conf import settings

from orchestration.budget_options import TaskBudget, budget_of
from orchestration.errors import UnsupportedOption
from orchestration.types import TaskRequest
from shannon_project.foundation.errors import InvalidInput

STRATEGY_OF_MODE: Final = {
    "simple": "simple",
    "standard": "dag",
    "complex": "dag",
    "supervisor": "supervisor",
    "dag": "dag",
    "react": "react",
    "chain_of_thought": "chain_of_thought",
    "reflection": "reflection",
    "debate": "debate",
    "tree_of_thoughts": "tree_of_thoughts",
    "swarm": "swarm",
    "research": "research",
    "template": "template",
}
"""The first four are the reference system's; every strategy that is offered has its own name as well."""
REVIEW_PLANS: Final = ("auto", "manual")
MODEL_TIERS: Final = ("small", "medium", "large")
TIER_BY_REQUEST: Final = "auto"
ASKED_TIERS: Final = (*MODEL_TIERS, TIER_BY_REQUEST)
"""What a request may ask for: a tier, or that its own form decides."""
CONTEXT_NOT_AVAILABLE: Final = frozenset(
    {
        "agent",
        "agent_input",
        "compression_target_ratio",
        "compression_trigger_ratio",
        "enable_localized_search",
        "force_p2p",
        "gap_filling_enabled",
        "gap_filling_max_gaps",
        "gap_filling_max_iterations",
        "history_window_size",
        "primers_count",
        "recents_count",
        "target_languages",
    }
)
"""Context keys that steer the reference system and nothing here; to ignore them would be to lie."""


FIELDS_OF_CONTEXT: Final = ("mode", "model_override", "provider_override")
"""Keys of the context that mean the field of the same name: a schedule of the official client has no other way."""


def request_checked(request: TaskRequest) -> TaskRequest:
    """Return the request with the fields that its context names; its mode exists, and its tier.

    Raises:
        InvalidInput, UnsupportedOption: See `with_fields_of_context`, `mode_check`, `model_check` (the caller's fault).
    """
    wanted = with_fields_of_context(request)
    mode_check(wanted.mode)
    model_check(wanted)
    return wanted


def with_fields_of_context(request: TaskRequest) -> TaskRequest:
    """Return the request with the fields that its context names.

    Raises:
        InvalidInput: One is no text, or differs from the field (the caller's fault).
    """
    found: dict[str, Any] = {}
    for name in FIELDS_OF_CONTEXT:
        value = request.context.get(name)
        if value is None or value == "":
            continue
        if not isinstance(value, str):
            raise InvalidInput(f"context.{name}: must be a text.")
        if getattr(request, name) not in {None, "", value}:
            raise InvalidInput(f"{name}: the field and the key of the context differ; leave one out.")
        found[name] = value
    return replace(request, **found) if found else request


def mode_check(mode: str) -> None:
    """Refuse a mode that does not exist.

    Raises:
        InvalidInput: There is no such mode.
    """
    if mode and mode not in STRATEGY_OF_MODE:
        raise InvalidInput(f"mode: '{mode[:64]}' is unknown; use one of {sorted(STRATEGY_OF_MODE)}.")


def context_check(context: Mapping[str, Any]) -> TaskBudget:
    """Refuse context keys that would have no effect; return the budgets that the context asks for.

    Raises:
        UnsupportedOption: A key steers something that is not available.
        InvalidInput: A budget is not what it should be.
    """
    refused = sorted(key for key in CONTEXT_NOT_AVAILABLE if context.get(key))
    if refused:
        raise UnsupportedOption(
            f"context: {', '.join(refused)} is not available on this platform; leave it out.",
            details={"fields": [f"context.{key}" for key in refused]},
        )
    return budget_of(context)


def approval_options(context: Mapping[str, Any]) -> tuple[bool, float | None]:
    """Return whether the context wants a person to agree before the task begins, and how many seconds to wait for it.

    Raises:
        InvalidInput: `require_approval` is no truth value, or `approval_timeout_seconds` no number within its limits.
    """
    wanted = context.get("require_approval", False)
    if not isinstance(wanted, bool):
        raise InvalidInput("context.require_approval: must be true or false.")
    return wanted, seconds_option(context, "approval_timeout_seconds")


def review_options(context: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the terms on which a person reviews the plan; None: nobody does.

    `require_review: true` or `review_plan: "manual"` ask for it; `review_timeout` (seconds) and `review_default`
    (`approve` or `deny`) say what happens when nobody does.

    Raises:
        InvalidInput: One of them has a value that it cannot have.
    """
    required, plan = context.get("require_review", False), context.get("review_plan", "auto")
    if not isinstance(required, bool):
        raise InvalidInput("context.require_review: must be true or false.")
    if plan not in REVIEW_PLANS:
        raise InvalidInput(f"context.review_plan: must be one of {list(REVIEW_PLANS)}.")
    default = context.get("review_default", "deny")
    if default not in ("approve", "deny"):
        raise InvalidInput("context.review_default: must be approve or deny.")
    timeout_seconds = seconds_option(context, "review_timeout") or settings.SHANNON_REVIEW_TIMEOUT_SECONDS
    if not required and plan != "manual":
        return None
    return {"timeout_seconds": timeout_seconds, "approve_by_default": default == "approve"}


def seconds_option(context: Mapping[str, Any], name: str) -> float | None:
    """Return a waiting time that the context names, or None.

    Raises:
        InvalidInput: It is no number of seconds from 1 to `SHANNON_APPROVAL_MAX_TIMEOUT_SECONDS`.
    """
    seconds = context.get(name)
    if seconds is None:
        return None
    limit = settings.SHANNON_APPROVAL_MAX_TIMEOUT_SECONDS
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds <= limit:
        raise InvalidInput(f"context.{name}: must be a number of seconds from 1 to {limit:.0f}.")
    return float(seconds)


def model_check(request: TaskRequest) -> None:
    """Refuse a tier that does not exist and a provider chosen by itself; which models there are, the tenant's rows say.

    Raises:
        InvalidInput: The tier is unknown.
        UnsupportedOption: `provider_override` is given; a model's name says its provider.
    """
    if request.model_tier is not None and request.model_tier not in ASKED_TIERS:
        raise InvalidInput(f"model_tier: '{request.model_tier}' is unknown; use one of {list(ASKED_TIERS)}.")
    if request.provider_override:
        raise UnsupportedOption(
            "provider_override: is not available; name one of the catalogue's models in model_override.",
            details={"field": "provider_override"},
        )
