"""The catalogue as one tenant sees it: the file, changed by rows, read again when somebody changed one."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from pydantic import ValidationError

from agents.llm.credentials import ENVIRONMENT, Credential
from agents.models import ModelOverride, ModelRules, ProviderKey, TierOverride
from policy.selectors import tenant_weight
from policy.services import rules_generation
from shannon_project.config.catalogue import (
    Catalogue,
    CatalogueInvalid,
    CatalogueModel,
    ModelPrice,
    TierEntry,
    catalogue,
)
from shannon_project.foundation.database import in_database

_TENANTS_MAX: Final = 1_000
_SCALARS: Final = (
    "litellm_name",
    "provider",
    "api_base",
    "context_window_tokens",
    "max_output_tokens",
    "abilities",
    "weight",
    "requests_per_minute",
    "tokens_per_minute",
    "max_concurrency",
)


@dataclass(frozen=True, slots=True)
class TenantModels:
    """What holds for one tenant. `response_cache_seconds` None: as the setting says; `weight`: see `Gate.admit`."""

    catalogue: Catalogue
    prompt_retention_days: int = 0
    response_cache_seconds: int | None = None
    caches_any_temperature: bool = False
    weight: int = 1
    keys: dict[str, tuple[Credential, ...]] = field(default_factory=dict, repr=False)

    def credentials(self, model: CatalogueModel) -> tuple[Credential, ...]:
        """Return the keys for a model: the tenant's, else everyone's, else that of the environment."""
        return self.keys.get(model.provider, (ENVIRONMENT,))


def models_of(tenant_id: UUID) -> TenantModels:
    """Return what holds for a tenant; rows are read again within a second of a change, and else not at all.

    Raises:
        CatalogueInvalid: The file or a row is not valid; the message names it.
    """
    generation, base = rules_generation(), catalogue()
    with _lock:
        entry = _known.get(tenant_id)
        if entry is not None and entry[0] == generation and entry[1] is base:
            _known.move_to_end(tenant_id)
            return entry[2]
    loaded = in_database(lambda: models_load(tenant_id))  # outside the lock: others need not wait for the database
    with _lock:
        _known[tenant_id] = (generation, base, loaded)
        while len(_known) > _TENANTS_MAX:
            _known.popitem(last=False)
    return loaded


def catalogue_of(tenant_id: UUID) -> Catalogue:
    """Return the catalogue as a tenant sees it; raises as `models_of`."""
    return models_of(tenant_id).catalogue


_known: OrderedDict[UUID, tuple[UUID | None, Catalogue, TenantModels]] = OrderedDict()
_lock = threading.Lock()


def model_override_check(*, tenant_id: UUID, override: str) -> None:
    """Refuse a model that a tenant's request may not name; needs nothing of litellm.

    Raises:
        ModelUnknown: It names no tier and no model that may be asked. The caller's fault.
        CatalogueInvalid: See `models_of`.
    """
    models_of(tenant_id).catalogue.candidates(tier="small", override=override)


def models_load(tenant_id: UUID | None) -> TenantModels:
    """Read the rows of everyone and of the tenant (None: of everyone); the tenant's win. Five queries.

    Raises:
        CatalogueInvalid: The file or a row is not valid; the message names it.
    """
    base = catalogue()
    theirs = Q(tenant_id=tenant_id) | Q(tenant_id=None)
    models: dict[str, CatalogueModel] = {}
    rows = list(ModelOverride.objects.filter(theirs, is_active=True))
    for row in sorted(rows, key=lambda row: row.tenant_id is not None):
        models[row.name] = _changed(models.get(row.name) or base.models.get(row.name), row)
    tiers: dict[str, TierEntry] = {}
    for tier in sorted(TierOverride.objects.filter(theirs), key=lambda row: row.tenant_id is not None):
        tiers[tier.tier] = _entry(tier)
    rules = sorted(ModelRules.objects.filter(theirs), key=lambda row: row.tenant_id is not None)
    try:
        changed = base.with_changes(
            models=models,
            tiers=tiers,
            allowed=[*models, *(pattern for row in rules for pattern in row.allowed)],
            denied=[pattern for row in rules for pattern in row.denied],
        )
    except ValidationError as error:
        raise _invalid("The tiers of the admin", error) from error
    own = rules[-1] if rules else None
    return TenantModels(
        catalogue=changed if rows or tiers or rules else base,
        prompt_retention_days=own.prompt_retention_days if own else 0,
        response_cache_seconds=own.response_cache_seconds if own else None,
        caches_any_temperature=own.caches_any_temperature if own else False,
        weight=1 if tenant_id is None else tenant_weight(tenant_id),
        keys=_keys(ProviderKey.objects.filter(theirs, is_active=True).order_by("id")),
    )


def _changed(known: CatalogueModel | None, row: ModelOverride) -> CatalogueModel:
    values: dict[str, Any] = known.model_dump() if known else {"name": row.name, "litellm_name": row.name}
    values |= {name: value for name in _SCALARS if (value := getattr(row, name)) not in (None, "")}
    values.setdefault("provider", str(values["litellm_name"]).partition("/")[0])
    values["price"] = _price(known.price if known else None, row)
    try:
        return CatalogueModel.model_validate(values)
    except ValidationError as error:
        raise _invalid(f"The row of the model {row.name}", error) from error


def _price(known: ModelPrice | None, row: ModelOverride) -> ModelPrice | None:
    given = {
        "input_usd_per_million_tokens": row.input_usd,
        "output_usd_per_million_tokens": row.output_usd,
        "cache_read_usd_per_million_tokens": row.cache_read_usd,
        "cache_write_usd_per_million_tokens": row.cache_write_usd,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    values = (known.model_dump() if known else {}) | changed
    if "input_usd_per_million_tokens" not in values or "output_usd_per_million_tokens" not in values:
        return None
    return ModelPrice(**values)


def _entry(row: TierOverride) -> TierEntry:
    try:
        return TierEntry(
            candidates=tuple(row.candidates), select=row.select, hedge_after_seconds=row.hedge_after_seconds
        )
    except (ValidationError, TypeError) as error:
        raise _invalid(f"The row of the tier {row.tier}", error) from error


def _keys(rows: Any) -> dict[str, tuple[Credential, ...]]:
    """Return the keys by provider; a provider of which the tenant has its own takes no other."""
    by_provider: dict[str, list[ProviderKey]] = {}
    for row in rows:
        by_provider.setdefault(row.provider, []).append(row)
    return {provider: tuple(_credential(row) for row in _own_or_all(found)) for provider, found in by_provider.items()}


def _own_or_all(rows: list[ProviderKey]) -> list[ProviderKey]:
    return [row for row in rows if row.tenant_id is not None] or rows


def _credential(row: ProviderKey) -> Credential:
    return Credential(key_id=str(row.id), sealed=row.sealed, api_base=row.api_base or None)


def _invalid(what: str, error: Exception) -> CatalogueInvalid:
    return CatalogueInvalid(f"{what} is not valid: {error}")
