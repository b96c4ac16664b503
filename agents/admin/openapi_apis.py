"""Imported APIs in the admin."""

from typing import ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents.admin.tenant_rows import NamesField, TenantRowAdmin
from agents.models import OpenApi
from shannon_project.foundation.admin import json_shown


class OpenApiForm(forms.ModelForm):  # type: ignore[type-arg] # unfold's admin gives it its model
    """What may be changed of an API here."""

    operations_trusted = NamesField(required=False, help_text="Names of operations that are not dangerous.")
    timeout_seconds = forms.FloatField(
        min_value=1, max_value=settings.SHANNON_OPENAPI_TIMEOUT_SECONDS, help_text="Of one call."
    )


@admin.register(OpenApi)
class OpenApiAdmin(TenantRowAdmin):
    """Imported APIs: switched off and limited here; imported over the API, which alone takes credentials."""

    form = OpenApiForm
    list_display: ClassVar = ["name", "tenant", "title", "version", "url", "is_active", "imported_at"]
    list_filter: ClassVar = ["tenant", "is_active"]
    search_fields: ClassVar = ["name", "title", "url"]
    fields: ClassVar = [
        "name",
        "tenant",
        "title",
        "version",
        "url",
        "server_url",
        "is_active",
        "operations_trusted",
        "timeout_seconds",
        "tags",
        "operations_wanted",
        "credential_origins",
        "operations_shown",
        "report_shown",
        "imported_at",
        "created_by",
        "created_at",
        "updated_at",
    ]
    readonly_fields: ClassVar = [
        name for name in fields if name not in {"is_active", "operations_trusted", "timeout_seconds"}
    ]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[OpenApi]":
        """Leave the documents where they are."""
        rows: QuerySet[OpenApi] = super().get_queryset(request).defer("document")
        return rows

    @admin.display(description="operations")
    def operations_shown(self, api: OpenApi) -> str:
        """Return which operations agents may call."""
        return "\n".join(f"{one['method']} {one['path']} ({one['tool']})" for one in api.operations) or "-"

    @admin.display(description="report")
    def report_shown(self, api: OpenApi) -> SafeString:
        """Return the beginning of what became of the document."""
        return json_shown(api.report)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """APIs are imported over the API."""
        return False
