"""Reading a request's wishes. Every key either works or is refused by its name: to ignore one would be to lie."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orchestration.errors import UnsupportedOption
from orchestration.options import ASKED_TIERS, TIER_BY_REQUEST
from orchestration.strategies import OFFERED, route
from orchestration.types import TaskRequest
from orchestration.wishes.prompts import answer_schema_of, system_prompt_of
from shannon_project.foundation.errors import InvalidInput

MAX_ITERATIONS: Final = 50  # the reference system's own bound
RESEARCH_DEPTHS: Final = ("quick", "standard", "deep", "academic")


_TRUTHS: Final = {True: True, False: False, "true": True, "false": False}  # schedules of the client send text


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller wants; None and empty: nothing in particular.

    Attributes:
        mode: A mode of `STRATEGY_OF_MODE`; empty: the router chooses.
        why: Why the mode is what it is.
        parameters: Values of the strategy's own parameters.
        role: The role of agents that have no other.
        max_turns: Model calls of one agent, or iterations of `react`.
        max_concurrent_agents: Steps at the same time.
        model_tier: Tier of all models.
        system_prompt: Added to the prompt of every agent.
        answer_schema: JSON schema of the answer.
        template: `name` or `name@version` of a template; empty: none.
        template_inputs: Values for its inputs.
    """

    mode: str = ""
    why: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    role: str = ""
    max_turns: int | None = None
    max_concurrent_agents: int | None = None
    model_tier: str | None = None
    system_prompt: str = ""
    answer_schema: Mapping[str, Any] | None = None
    template: str = ""
    template_inputs: Mapping[str, Any] = field(default_factory=dict)


def wishes_of(request: TaskRequest, *, roles: Collection[str]) -> Wishes:
    """Read a request's fields and its context; `roles` are the names that there are.

    Raises:
        InvalidInput: A value is wrong, or two of them contradict each other (the caller's fault).
        UnsupportedOption: A switch has no effect in the mode that is asked for (the caller's fault).
    """
    context = request.context
    mode, why = _mode(request, roles)
    wishes = Wishes(
        mode=mode,
        why=why,
        parameters=_parameters(request, mode),
        role=_role(request, roles),
        max_turns=_number("max_iterations", _either(request, "max_iterations"), MAX_ITERATIONS),
        max_concurrent_agents=_number("max_concurrent_agents", _either(request, "max_concurrent_agents"), 20),
        model_tier=_tier(request),
        system_prompt=system_prompt_of(context),
        answer_schema=answer_schema_of(_either(request, "response_format")),
        template=_template(request),
        template_inputs=_template_inputs(request, mode),
    )
    _switches_check(request, mode)
    return wishes


def _either(request: TaskRequest, name: str) -> Any:
    """Return a field, or the context's key of the same name.

    Raises:
        InvalidInput: Both are given and differ.
    """
    given, in_context = getattr(request, name), request.context.get(name)
    if given is not None and in_context is not None and given != in_context:
        raise InvalidInput(f"{name}: the field and the key of the context differ; leave one out.")
    return in_context if given is None else given


def switch(context: Mapping[str, Any], name: str) -> bool | None:
    """Return a switch of the context; None when it is not given.

    Raises:
        InvalidInput: It is no truth value.
    """
    value = context.get(name)
    if value is None:
        return None
    if not isinstance(value, bool | str) or value not in _TRUTHS:
        raise InvalidInput(f"context.{name}: must be true or false.")
    return _TRUTHS[value]


def _mode(request: TaskRequest, roles: Collection[str]) -> tuple[str, str]:
    """Return the mode and why: asked for by name, or by a switch.

    Raises:
        InvalidInput: A switch wants another mode than the field names.
    """
    wanted = [(request.mode, "the request names it")] if request.mode else []
    if request.force_swarm or switch(request.context, "force_swarm"):
        wanted.append(("swarm", "force_swarm is set"))
    if switch(request.context, "force_research") or _depth(request):
        wanted.append(("research", "research is asked for"))
    if _template(request):
        wanted.append(("template", "a template is named"))
    modes = dict(wanted)
    if "template" in modes and not _template(request):
        raise InvalidInput("template: name the template that mode template is to carry out.")
    if len(modes) > 1:
        raise InvalidInput(f"mode: {' and '.join(sorted(modes))} are both asked for; leave one out.")
    if not wanted and switch(request.context, "skip_synthesis"):
        return "simple", "skip_synthesis is set"
    if not wanted and _role(request, roles):
        return "simple", "a role is named"
    return wanted[0] if wanted else ("", "")


def _parameters(request: TaskRequest, mode: str) -> dict[str, Any]:
    """Return the strategy's parameters: those that are given, and those that switches stand for.

    Raises:
        InvalidInput: They are given without a mode, or are no object.
    """
    given = _either(request, "strategy_parameters") or {}
    if not isinstance(given, Mapping):
        raise InvalidInput("strategy_parameters: must be an object.")
    if given and not mode:
        raise InvalidInput("strategy_parameters: name the mode that they are for.")
    parameters = dict(given)
    iterations = request.context.get("react_max_iterations")
    if iterations is not None:
        if mode != "react":
            raise UnsupportedOption("context.react_max_iterations: works with mode react only; leave it out.")
        parameters.setdefault("max_iterations", iterations)
    if mode == "react":
        limit = _either(request, "max_iterations")
        if limit is not None:
            parameters.setdefault("max_iterations", limit)
    if mode == "research":
        for name, value in _research(request).items():
            parameters.setdefault(name, value)
    if mode in {"dag", "standard", "complex"} and switch(request.context, "skip_synthesis"):
        parameters.setdefault("synthesize", False)
    return parameters


def _depth(request: TaskRequest) -> str:
    depth = _either(request, "research_strategy")
    if depth in {None, ""}:
        return ""
    if depth not in RESEARCH_DEPTHS:
        raise InvalidInput(f"research_strategy: '{str(depth)[:32]}' is unknown; use one of {list(RESEARCH_DEPTHS)}.")
    return str(depth)


def _research(request: TaskRequest) -> dict[str, Any]:
    """Return what the official client's switches mean for research."""
    given = {
        "depth": _depth(request) or None,
        "verify": _verification(request),
        "citations": switch(request.context, "enable_citations"),
        "rounds": 1 if switch(request.context, "iterative_research_enabled") is False else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _verification(request: TaskRequest) -> bool | None:
    in_context = switch(request.context, "enable_verification")
    return in_context if request.enable_verification is None else request.enable_verification


def _template(request: TaskRequest) -> str:
    name = _either(request, "template")
    if name is not None and (not isinstance(name, str) or len(name) > 100):
        raise InvalidInput("template: must be a name, or name@version.")
    return name or ""


def _template_inputs(request: TaskRequest, mode: str) -> Mapping[str, Any]:
    inputs = _either(request, "template_inputs") or {}
    if not isinstance(inputs, Mapping):
        raise InvalidInput("template_inputs: must be an object.")
    if inputs and mode != "template":
        raise InvalidInput("template_inputs: name the template that they are for.")
    return inputs


def _role(request: TaskRequest, roles: Collection[str]) -> str:
    role = _either(request, "role")
    if role in {None, ""}:
        return ""
    if role not in roles:
        raise InvalidInput(f"role: '{str(role)[:64]}' is unknown; use one of {sorted(roles)}.")
    return str(role)


def _tier(request: TaskRequest) -> str | None:
    tier = _either(request, "model_tier")
    if tier is not None and tier not in ASKED_TIERS:
        raise InvalidInput(f"model_tier: '{str(tier)[:64]}' is unknown; use one of {list(ASKED_TIERS)}.")
    if tier == TIER_BY_REQUEST:
        return tier_by_request(request.query)
    return None if tier is None else str(tier)


def tier_by_request(query: str) -> str:
    """Return the tier that a request needs by its form: the small one for what one agent answers, else the large one.

    What the router is unsure about is not small: a wrong answer costs more than a model.
    """
    found = route(query, frozenset(OFFERED))
    return "small" if found.strategy == "simple" and not found.is_unsure else "large"


def _number(name: str, value: Any, most: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidInput(f"{name}: must be a whole number from 1 to {most}.")
    return value


def _switches_check(request: TaskRequest, mode: str) -> None:
    """Refuse switches that the mode has no use for; switched off they are satisfied by doing nothing.

    Raises:
        UnsupportedOption: Names them.
    """
    context = request.context
    idle = [name for name in ("skip_synthesis",) if switch(context, name) and mode not in SKIPPERS]
    if mode != "research":
        idle += [name for name in ("enable_citations", "iterative_research_enabled") if switch(context, name)]
        idle += ["enable_verification"] if _verification(request) else []
    if idle:
        raise UnsupportedOption(
            f"{', '.join(idle)} has no effect in mode {mode or 'of the router'}; leave it out.",
            details={"fields": [f"context.{name}" for name in idle]},
        )


SKIPPERS: Final = frozenset({"simple", "dag", "standard", "complex"})
