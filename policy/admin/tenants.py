"""Tenants and their API keys."""

from dataclasses import fields
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextareaWidget

from policy.admin.base import KeptAdmin
from policy.models import ApiKey, Tenant
from policy.services import api_key_issue, api_key_revoke, tenant_limits_set, tenant_seed, tenant_switch
from policy.types import SCOPES, TenantLimits
from shannon_project.foundation.admin import actor_of


@admin.register(Tenant)
class TenantAdmin(KeptAdmin):
    """A tenant is switched off, never deleted: tasks and audit entries belong to it."""

    list_display = ["slug", "name", "is_active", "weight", "max_running_steps", "max_open_tasks", "created_at"]
    search_fields = ["slug", "name"]
    readonly_fields = ["id", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:  # noqa: ARG002
        """A new tenant is active; its slug is fixed once it exists."""
        return [*self.readonly_fields, "slug"] if obj else [*self.readonly_fields, "is_active"]

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """Make the tenant with its budget and the default policies, or rename, limit and switch it."""
        limits = TenantLimits(**{field.name: getattr(obj, field.name) for field in fields(TenantLimits)})
        if change:
            Tenant.objects.filter(pk=obj.pk).update(name=obj.name)
        else:
            obj.pk = tenant_seed(slug=obj.slug, name=obj.name).pk
        tenant_limits_set(tenant=obj, limits=limits, changed_by=actor_of(request))
        if change and "is_active" in form.changed_data:
            tenant_switch(tenant=obj, is_active=obj.is_active, switched_by=actor_of(request))


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Scopes as check boxes, roles one a line."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {meaning}") for scope, meaning in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    roles = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="One a line; for policies only."
    )

    class Meta:
        model = ApiKey
        fields = ["tenant", "name", "user_id", "scopes", "roles", "expires_at"]

    def clean_roles(self) -> list[str]:
        """Return the lines that are not empty."""
        return [line.strip() for line in self.cleaned_data["roles"].splitlines() if line.strip()]


@admin.register(ApiKey)
class ApiKeyAdmin(KeptAdmin):
    """Keys are issued and revoked; an issued key is never changed, and its hash is never shown."""

    form = ApiKeyForm
    list_display = ["name", "prefix", "tenant", "user_id", "shown_scopes", "expires_at", "last_used_at", "revoked_at"]
    list_filter = ["tenant"]
    list_select_related = ["tenant"]
    search_fields = ["name", "prefix", "user_id"]
    ordering = ["-created_at"]
    actions = ["revoke"]

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:  # noqa: ARG002
        """Show what may be chosen for a new key, and everything but the hash of an issued one."""
        chosen = ["tenant", "name", "user_id", "scopes", "roles", "expires_at"]
        return [*chosen, "prefix", "last_used_at", "revoked_at", "created_at"] if obj else chosen

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        """An issued key is not changed: whoever holds it would not know."""
        return self.get_fields(request, obj) if obj else []

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Issue the key and show it, this once."""
        if change:
            return
        issued = api_key_issue(
            tenant=obj.tenant,
            name=obj.name,
            user_id=obj.user_id,
            scopes=form.cleaned_data["scopes"],
            roles=form.cleaned_data["roles"],
            expires_at=obj.expires_at,
            issued_by=actor_of(request),
        )
        obj.pk = issued.row.pk
        self.message_user(
            request, f"The key, shown only now: {issued.plaintext}. Copy it; it is not stored.", messages.WARNING
        )

    @admin.display(description="Scopes")
    def shown_scopes(self, key: ApiKey) -> str:
        """What the key may do."""
        return ", ".join(key.scopes)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change keys may revoke them."""
        return request.user.has_perm("policy.change_apikey")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Refuse the keys from now on."""
        revoked = sum(api_key_revoke(api_key=key, revoked_by=actor_of(request)) for key in queryset)
        self.message_user(request, f"{revoked} keys revoked.")
