"""The tools that tenants made of programs: registered here or over the API, by the same rules."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from agents.admin.tenant_rows import TenantRowAdmin, TenantRowForm
from agents.models import OwnToolRow
from agents.tools.own.rows import NAME, ROWS, own_tool_check
from shannon_project.foundation.errors import ShannonError


class OwnToolForm(TenantRowForm):
    """A tool; its name cannot be changed, since roles and tasks know it by it."""

    rows = ROWS

    def clean(self) -> dict[str, Any] | None:
        """Refuse what the API would refuse."""
        cleaned = super().clean()
        values = cleaned or {}
        is_new = self.instance._state.adding
        if is_new and not NAME.fullmatch(values.get("name", "")):
            self.add_error("name", "Letters a-z, digits and single _, a letter first.")
        if self.errors:
            return cleaned
        row = OwnToolRow(**{field.attname: getattr(self.instance, field.attname) for field in OwnToolRow._meta.fields})
        for name, value in values.items():
            setattr(row, name, value)
        row.returns = row.returns or {}
        try:
            own_tool_check(row)
        except ShannonError as error:
            self.add_error(None, error.message)
        return cleaned


@admin.register(OwnToolRow)
class OwnToolAdmin(TenantRowAdmin):
    """Tools of tenants that run a module or a program of their own."""

    form = OwnToolForm
    list_display: ClassVar = ["name", "tenant", "guest", "module", "dangerous", "is_active", "updated_at"]
    list_filter: ClassVar = ["tenant", "guest", "is_active"]
    search_fields: ClassVar = ["name", "description"]
    fields: ClassVar = [
        "tenant",
        "name",
        "description",
        "guest",
        "module",
        "code",
        "parameters",
        "returns",
        "uses_files",
        "dangerous",
        "requires_approval",
        "calls_per_minute",
        "wall_seconds",
        "memory_bytes",
        "is_active",
        "created_by",
        "created_at",
        "updated_at",
    ]

    def save_model(self, request: HttpRequest, obj: OwnToolRow, form: Any, change: bool) -> None:
        """Keep it; a tool that says nothing of its output may return anything."""
        obj.returns = obj.returns or {}
        super().save_model(request, obj, form, change)
