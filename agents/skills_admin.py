"""The skills of tenants: registered and switched here or over the API, by the same rules."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from agents.models import TenantSkill
from agents.skills.rows import skill_checked, skills_changed
from shannon_project.foundation.errors import ShannonError


class SkillForm(forms.ModelForm):  # type: ignore[type-arg] # unfold's admin gives it its model
    """A version of a skill; name and version are those of its document."""

    def clean(self) -> dict[str, Any] | None:
        """Refuse a document that is none, and take name and version from it."""
        cleaned = super().clean()
        values = cleaned or {}
        tenant = values.get("tenant") if self.instance._state.adding else self.instance.tenant
        scripts = values.get("scripts") or {}
        if not isinstance(scripts, dict) or not all(isinstance(text, str) for text in scripts.values()):
            self.add_error("scripts", "A JSON object: name to source.")
            return cleaned
        if tenant is None or "document" not in values:
            return cleaned  # the fields say so themselves
        try:
            skill = skill_checked(tenant.id, values["document"], scripts)
        except ShannonError as error:
            self.add_error("document", error.message)
            return cleaned
        others = TenantSkill.objects.filter(tenant=tenant, name=skill.name, version=skill.version)
        if others.exclude(pk=self.instance.pk).exists():
            self.add_error("document", "The tenant has this version already.")
        self.instance.name, self.instance.version = skill.name, skill.version
        return cleaned


@admin.register(TenantSkill)
class TenantSkillAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Skills of tenants; those of the installation are folders."""

    form = SkillForm
    list_display: ClassVar = ["name", "version", "tenant", "is_active", "updated_at"]
    list_filter: ClassVar = ["tenant", "is_active"]
    search_fields: ClassVar = ["name", "document"]
    fields: ClassVar = [
        "tenant",
        "name",
        "version",
        "document",
        "scripts",
        "is_active",
        "created_by",
        "created_at",
        "updated_at",
    ]
    list_select_related: ClassVar = ["tenant"]
    ordering: ClassVar = ["tenant", "name", "version"]

    def get_readonly_fields(self, request: HttpRequest, obj: TenantSkill | None = None) -> list[str]:  # noqa: ARG002
        """A version stays what it was when it was registered; it is switched on and off."""
        fixed = ["name", "version", "created_by", "created_at", "updated_at"]
        return [*fixed, *(["tenant", "document", "scripts"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: TenantSkill, form: Any, change: bool) -> None:
        """Keep it, and let this process see it at once."""
        obj.created_by = obj.created_by or f"user:{request.user.get_username()}"[:128]
        obj.updated_at = timezone.now()
        super().save_model(request, obj, form, change)
        skills_changed(obj.tenant_id)

    def delete_model(self, request: HttpRequest, obj: TenantSkill) -> None:
        """Delete it, and let this process see it at once."""
        super().delete_model(request, obj)
        skills_changed(obj.tenant_id)
