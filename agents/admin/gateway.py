"""The model gateway in the admin: what tenants change of the catalogue, their keys, and the calls that were made."""

from copy import copy
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import construct_instance
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from agents.llm.administration import (
    GatewayRow,
    gateway_row_check,
    gateway_row_delete,
    gateway_row_save,
    provider_key_save,
)
from agents.models import (
    CachedAnswer,
    KeptText,
    ModelCall,
    ModelOverride,
    ModelRules,
    ProviderKey,
    TierOverride,
)
from shannon_project.config.catalogue import CatalogueInvalid
from shannon_project.foundation.admin import ReadOnlyAdmin, actor_of


class CheckedForm(forms.ModelForm):  # type: ignore[type-arg]
    """Refuses what the catalogue would not hold with, beside the field that a person can mend."""

    def clean(self) -> dict[str, Any]:
        """Try the row."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        row = construct_instance(self, copy(self.instance))  # a copy: trying it must not make the form's row an old one
        row._state = copy(row._state)
        try:
            gateway_row_check(row)
        except CatalogueInvalid as error:
            raise forms.ValidationError(error.message) from error
        return cleaned


class GatewayRowAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Rows that change the catalogue, through the services that check and audit."""

    list_filter: ClassVar = ["tenant"]
    list_select_related: ClassVar = ["tenant"]

    def save_model(self, request: HttpRequest, obj: GatewayRow, form: Any, change: bool) -> None:  # noqa: ARG002
        """Keep the row."""
        gateway_row_save(row=obj, saved_by=actor_of(request))

    def delete_model(self, request: HttpRequest, obj: GatewayRow) -> None:
        """Remove the row."""
        gateway_row_delete(row=obj, deleted_by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove several rows; each is checked and audited."""
        for row in queryset:
            gateway_row_delete(row=row, deleted_by=actor_of(request))


@admin.register(ModelOverride)
class ModelOverrideAdmin(GatewayRowAdmin):
    """Models: what is empty is as in the file."""

    form = CheckedForm
    list_display: ClassVar = ["name", "tenant", "is_active", "provider", "input_usd", "output_usd", "api_base"]
    search_fields: ClassVar = ["name", "litellm_name"]


@admin.register(TierOverride)
class TierOverrideAdmin(GatewayRowAdmin):
    """Tiers: which models, in which order."""

    form = CheckedForm
    list_display: ClassVar = ["tier", "tenant", "candidates", "select", "hedge_after_seconds"]


@admin.register(ModelRules)
class ModelRulesAdmin(GatewayRowAdmin):
    """What may be asked, kept and cached."""

    form = CheckedForm
    list_display: ClassVar = ["tenant", "allowed", "denied", "prompt_retention_days", "response_cache_seconds"]


class SecretInput(UnfoldAdminTextInputWidget):  # type: ignore[misc] # unfold has no types
    """A field whose value never goes back into a page."""

    input_type = "password"

    def format_value(self, value: Any) -> None:
        """Show nothing."""


class ProviderKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """The key is entered and never shown again."""

    secret = forms.CharField(
        required=False, widget=SecretInput(), help_text="The key itself. Empty: it stays as it is."
    )

    class Meta:
        model = ProviderKey
        fields: ClassVar = ["tenant", "provider", "name", "secret", "api_base", "is_active"]

    def clean_secret(self) -> str:
        """Ask for a key where there is none yet."""
        secret = str(self.cleaned_data["secret"]).strip()
        if not secret and self.instance._state.adding:
            raise forms.ValidationError("A new row needs its key.")
        return secret


@admin.register(ProviderKey)
class ProviderKeyAdmin(GatewayRowAdmin):
    """Keys of providers: only their endings are shown."""

    form = ProviderKeyForm
    list_display: ClassVar = ["provider", "name", "tenant", "ending", "api_base", "is_active", "created_at"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Seal and keep a key that was entered, or change what is beside it."""
        secret = form.cleaned_data["secret"]
        if change:
            gateway_row_save(row=obj, saved_by=actor_of(request))
        if secret:
            kept = provider_key_save(
                tenant_id=obj.tenant_id,
                provider=obj.provider,
                name=obj.name,
                secret=secret,
                api_base=obj.api_base,
                saved_by=actor_of(request),
            )
            obj.pk = kept.pk


@admin.register(KeptText)
class KeptTextAdmin(ReadOnlyAdmin):
    """Prompts and answers that tenants keep, until their time is over."""

    list_select_related: ClassVar = ["tenant"]
    list_display: ClassVar = ["created_at", "tenant", "digest", "expires_at"]
    search_fields: ClassVar = ["digest"]
    ordering: ClassVar = ["-id"]


@admin.register(CachedAnswer)
class CachedAnswerAdmin(ReadOnlyAdmin):
    """Answers that serve questions that mean the same; embeddings mean nothing to a person."""

    list_select_related: ClassVar = ["tenant"]
    list_display: ClassVar = ["created_at", "tenant", "question", "cost_usd", "expires_at"]
    list_filter: ClassVar = ["tenant"]
    fields: ClassVar = ["id", "tenant", "scope_digest", "question", "reply", "cost_usd", "created_at", "expires_at"]
    ordering: ClassVar = ["-created_at"]


@admin.register(ModelCall)
class ModelCallAdmin(ReadOnlyAdmin):
    """Every attempt at a model, newest first."""

    list_select_related: ClassVar = ["tenant"]
    list_display: ClassVar = [
        "started_at",
        "tenant",
        "purpose",
        "asked",
        "model",
        "outcome",
        "fallback_reason",
        "cache",
        "prompt_tokens",
        "completion_tokens",
        "cost_usd",
        "latency_ms",
        "first_token_ms",
        "task_id",
    ]
    list_filter: ClassVar = ["tenant", "outcome", "purpose", "cache", "started_at"]
    search_fields: ClassVar = ["model"]
    search_ids: ClassVar = ("task_id", "step_id")
    ordering: ClassVar = ["-started_at"]
