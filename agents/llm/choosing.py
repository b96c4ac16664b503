"""Which models may answer a call of a tenant, in which order, and with which keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from agents.llm.base import ModelGateway
from agents.llm.catalogues import TenantModels, models_of
from agents.llm.estimates import is_picture, is_reasoning_asked, prompt_tokens_estimate
from agents.llm.gate import Gate
from agents.llm.routing import Choice, ordered
from agents.llm.types import ModelPurpose, ModelRequest
from shannon_project.config.catalogue import Ability, CatalogueModel, TierEntry


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a call may be answered by. `hedge_after_seconds` None: never two at once."""

    models: tuple[CatalogueModel, ...]
    tenant: TenantModels
    hedge_after_seconds: float | None = None

    def choices(self, models: Sequence[CatalogueModel]) -> tuple[Choice, ...]:
        """Return some of the models with their keys."""
        return tuple(Choice(model, self.tenant.credentials(model)) for model in models)


def choose(tenant_id: UUID, request: ModelRequest, *, gateway: ModelGateway, gate: Gate) -> Chosen:
    """Return the models that may answer, first choice first.

    Raises:
        ModelUnknown: The tier or the override names no model that the tenant may ask. The caller's fault.
        CatalogueInvalid: The file or a row is not valid. The operator's fault.
    """
    tenant = models_of(tenant_id)
    candidates = tenant.catalogue.candidates(
        tier=str(request.tier), override=request.model_override, abilities=abilities_needed(request)
    )
    entry = _entry(tenant, request)
    if entry is None or len(candidates) == 1:
        return Chosen(candidates, tenant)
    models = ordered(
        candidates,
        entry.select,
        price_of=gateway.price_of,
        latency_of=lambda model: gate.p95_latency_seconds(model.lane),
        prompt_tokens=prompt_tokens_estimate(request),
        output_tokens=request.max_output_tokens,
    )
    return Chosen(models, tenant, entry.hedge_after_seconds)


def abilities_needed(request: ModelRequest) -> frozenset[Ability]:
    """Return what a model must be able to do for this request."""
    if request.purpose == ModelPurpose.EMBED:
        return frozenset({Ability.EMBEDDING})
    needed = set()
    if request.tools:
        needed.add(Ability.TOOLS)
    if request.response_format:
        needed.add(Ability.JSON_SCHEMA)
    if any(_has_picture(message.get("content")) for message in request.messages):
        needed.add(Ability.VISION)
    if is_reasoning_asked(request):
        needed.add(Ability.REASONING)
    return frozenset(needed)


def _has_picture(content: object) -> bool:
    return isinstance(content, list) and any(is_picture(part) for part in content)


def _entry(tenant: TenantModels, request: ModelRequest) -> TierEntry | None:
    """Return the tier that is asked; None: one model is."""
    name = request.model_override or str(request.tier)
    return tenant.catalogue.tiers.get(name)
