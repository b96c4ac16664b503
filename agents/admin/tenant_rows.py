"""What the admin's pages of tenants' own rows have in common: roles, skills, tools, MCP servers and APIs."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from agents.tenant_rows.repository import TenantRepository
from policy.services import registry_changed
from policy.types import Principal
from shannon_project.foundation.admin import actor_of
from shannon_project.foundation.errors import Conflict

_NAMES_MAX = 256
_NAME_CHARACTERS = 200


class NamesField(forms.JSONField):
    """A JSON list of names; nothing at all is an empty one."""

    def clean(self, value: Any) -> list[str]:
        """Return the names.

        Raises:
            ValidationError: It is no list of texts, or there are too many.
        """
        names = super().clean(value) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValidationError('A JSON list of names, like ["add", "search"].')
        if len(names) > _NAMES_MAX or any(len(name) > _NAME_CHARACTERS for name in names):
            raise ValidationError(f"At most {_NAMES_MAX} names of {_NAME_CHARACTERS} characters.")
        return names


class TenantRowForm(forms.ModelForm):  # type: ignore[type-arg] # unfold's admin gives it its model
    """A row by the rules that hold over the API, of how many a tenant may have too; `rows` knows those."""

    rows: ClassVar[TenantRepository[Any]]

    def clean(self) -> dict[str, Any] | None:
        """Refuse a row too many. Nobody else adds one until it is saved: the page does both in one transaction."""
        cleaned = super().clean()
        tenant = (cleaned or {}).get("tenant")
        if self.instance._state.adding and tenant is not None:
            try:
                self.rows.room_take(tenant.id)
            except Conflict as error:
                self.add_error(None, error.message)
        return cleaned


def owner_of(request: HttpRequest, tenant_id: UUID) -> Principal:
    """Return who acts on a tenant's rows in the admin: somebody who may do all that the tenant may."""
    name = request.user.get_username()
    return Principal(tenant_id=tenant_id, actor=actor_of(request), user_id=name, scopes=frozenset({"admin"}))


class TenantRowAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Rows that tenants make over the API too: whose one is and what it is called stays, and who made it is told."""

    list_select_related: ClassVar = ["tenant"]
    ordering: ClassVar = ["tenant", "name"]
    readonly_fields: ClassVar = ["created_by", "created_at", "updated_at"]
    kept_fields: ClassVar = ["tenant", "name"]  # of a row that is there

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        """What nobody may change."""
        return [*self.readonly_fields, *(self.kept_fields if obj else [])]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep it."""
        obj.created_by = obj.created_by or actor_of(request)[:128]
        obj.updated_at = timezone.now()
        super().save_model(request, obj, form, change)
        registry_changed(obj.tenant_id)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete it."""
        super().delete_model(request, obj)
        registry_changed(obj.tenant_id)

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> None:
        """Delete several."""
        tenant_ids = set(queryset.values_list("tenant_id", flat=True))
        super().delete_queryset(request, queryset)
        for tenant_id in tenant_ids:
            registry_changed(tenant_id)
