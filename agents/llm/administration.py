"""Changes of what holds for models: each is checked before it is kept, in force within a second, and audited."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from agents.llm.catalogues import models_load
from agents.models import ModelOverride, ModelRules, ProviderKey, TierOverride
from policy.services import audit_record, generation_advance
from policy.types import AuditOutcome
from shannon_project.foundation.encryption import secret_encrypt

GatewayRow = ModelOverride | TierOverride | ModelRules | ProviderKey
_ENDING_CHARACTERS = 4


def gateway_row_check(row: GatewayRow) -> None:
    """Refuse a row with which the catalogue would not hold; nothing is kept.

    Raises:
        CatalogueInvalid: The message says why. Whoever edits the row.
    """
    with transaction.atomic():
        row.save()
        models_load(row.tenant_id)
        transaction.set_rollback(True)


def gateway_row_save(*, row: GatewayRow, saved_by: str = "system") -> None:
    """Keep a row, if the catalogue holds with it.

    Raises:
        CatalogueInvalid: The message says why; nothing was kept. Whoever edits the row.
    """
    with transaction.atomic():
        row.save()
        models_load(row.tenant_id)
        _tell(row, f"{row._meta.model_name}.save", saved_by)


def gateway_row_delete(*, row: GatewayRow, deleted_by: str = "system") -> None:
    """Remove a row, if the catalogue holds without it.

    Raises:
        CatalogueInvalid: A tier needs what it adds; nothing was removed. Whoever deletes the row.
    """
    with transaction.atomic():
        _tell(row, f"{row._meta.model_name}.delete", deleted_by)
        row.delete()
        models_load(row.tenant_id)


def provider_key_save(
    *,
    tenant_id: UUID | None,
    provider: str,
    name: str,
    secret: str,
    api_base: str = "",
    saved_by: str = "system",
) -> ProviderKey:
    """Keep a key of a provider, sealed; a name that there is gets the new key, and is in use again."""
    with transaction.atomic():
        whose = Q(tenant_id=tenant_id) if tenant_id else Q(tenant=None)
        there = ProviderKey.objects.select_for_update().filter(whose, provider=provider, name=name)
        row = there.first() or ProviderKey(tenant_id=tenant_id, provider=provider, name=name)
        row.sealed, row.ending = secret_encrypt(secret), secret[-_ENDING_CHARACTERS:]
        row.api_base, row.is_active = api_base, True
        row.save()
        _tell(row, "providerkey.save", saved_by)
    return row


def _tell(row: GatewayRow, action: str, actor: str) -> None:
    """Let every process read the rows again, and keep who changed what."""
    generation_advance()
    audit_record(
        tenant_id=row.tenant_id,
        actor=actor,
        action=action,
        outcome=AuditOutcome.CHANGED,
        resource={"id": str(row.pk), "row": str(row)},
    )
