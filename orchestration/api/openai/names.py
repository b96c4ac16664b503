"""The model names of `/v1`: the platform's own, the tiers, and those of the catalogue."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from agents.selectors import catalogue_of
from orchestration.wishes import RESEARCH_DEPTHS
from shannon_project.foundation.errors import NotFound

CREATED_SECONDS: Final = 1_764_028_800  # OpenAI's field; ours have no date of their own: 2025-11-25
OWNER: Final = "shannon"
DEFAULT_MODEL: Final = "shannon-chat"


@dataclass(frozen=True, slots=True)
class PlatformModel:
    """A name that runs the whole platform. `mode` is that of a task; empty: the router chooses.

    `research_strategy`: how deep research goes; empty: it is none.
    """

    name: str
    mode: str
    about: str
    research_strategy: str = ""


PLATFORM_MODELS: Final = {
    model.name: model
    for model in (
        PlatformModel("shannon-auto", "", "One agent or a plan of several, chosen by the form of the request."),
        PlatformModel("shannon-chat", "simple", "One agent with the platform's tools."),
        PlatformModel("shannon-complex", "complex", "A plan, agents that work on its parts at once, one answer."),
        *(
            PlatformModel(f"shannon-{depth}-research", "research", f"Research with citations, {depth}.", depth)
            for depth in RESEARCH_DEPTHS
        ),
    )
}


def models_listed(tenant_id: UUID) -> list[tuple[str, str, str]]:
    """Return `(name, owner, about)` of every model that a tenant's request may name, the platform's first."""
    known = catalogue_of(tenant_id)
    platform = [(model.name, OWNER, model.about) for model in PLATFORM_MODELS.values()]
    served = {tier: known.usable(tier) for tier in known.tiers}
    tiers = [
        (tier, OWNER, f"Whatever serves the tier {tier}, now {models[0].name}.")
        for tier, models in served.items()
        if models
    ]
    named = [known.models[name] for name in known.known()]
    rest = [(model.name, model.provider, model.about) for model in named]
    return platform + tiers + rest


def model_listed(tenant_id: UUID, name: str) -> tuple[str, str, str]:
    """Return `(name, owner, about)` of one model.

    Raises:
        NotFound: There is none of this name (the caller's fault).
    """
    listed = {entry[0]: entry for entry in models_listed(tenant_id)}
    if name not in listed:
        known = sorted(listed)
        raise NotFound(f"There is no model {name[:100]!r}; use one of {', '.join(known)}.", details={"known": known})
    return listed[name]


def model_body(entry: tuple[str, str, str]) -> dict[str, Any]:
    """Return a model as OpenAI describes one."""
    return {"id": entry[0], "object": "model", "created": CREATED_SECONDS, "owned_by": entry[1]}
