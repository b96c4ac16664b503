"""Templates: every version as it was saved. New ones come from files or over HTTP."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from agents.selectors import roles_of
from orchestration.admin.base import cut_short
from orchestration.models import WorkflowTemplate
from orchestration.strategies.workflow import Workflow
from orchestration.workflows.estimate import dry_run
from shannon_project.foundation.admin import ReadOnlyAdmin, json_shown


@admin.register(WorkflowTemplate)
class WorkflowTemplateAdmin(ReadOnlyAdmin):
    """A version with its graph and its worst case."""

    list_display = ("name", "version", "tenant", "short_description", "origin", "created_at")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    list_filter_submit = False
    search_fields = ("name",)
    ordering = ("name", "-version")
    fields = ("name", "version", "tenant", "origin", "digest", "created_at", "source", "shown_graph")

    @display(description="description")  # type: ignore[untyped-decorator]
    def short_description(self, template: WorkflowTemplate) -> str:
        """What it is for."""
        return cut_short(str(template.workflow.get("description", "")))

    @display(description="graph and worst case")  # type: ignore[untyped-decorator]
    def shown_graph(self, template: WorkflowTemplate) -> SafeString:
        """What a dry run says."""
        return json_shown(dry_run(Workflow.model_validate(template.workflow), roles=roles_of(template.tenant_id)))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """All of them."""
        return self.fields
