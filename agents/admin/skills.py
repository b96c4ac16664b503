"""The skills of tenants: registered and switched here or over the API, by the same rules."""

from typing import Any, ClassVar

from django.contrib import admin

from agents.admin.tenant_rows import TenantRowAdmin, TenantRowForm
from agents.models import TenantSkill
from agents.skills.rows import ROWS, skill_checked
from shannon_project.foundation.errors import ShannonError


class SkillForm(TenantRowForm):
    """A version of a skill; name and version are those of its document."""

    rows = ROWS

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
class TenantSkillAdmin(TenantRowAdmin):
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
    ordering: ClassVar = ["tenant", "name", "version"]
    readonly_fields: ClassVar = ["name", "version", *TenantRowAdmin.readonly_fields]
    kept_fields: ClassVar = ["tenant", "document", "scripts"]  # a version stays what it was when it was registered
