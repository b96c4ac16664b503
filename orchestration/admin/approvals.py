"""Questions to people; who is signed in may decide them here."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from orchestration.admin.base import cut_short
from orchestration.approvals import approval_decide
from orchestration.console.colours import STATUS_COLOURS
from orchestration.console.people import staff_principal
from orchestration.errors import ApprovalAlreadyDecided
from orchestration.models import Approval
from shannon_project.foundation.admin import ReadOnlyAdmin, json_shown


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """What waits for a person, and what was decided."""

    list_display = (
        "short_message",
        "shown_status",
        "requested_by",
        "step_key",
        "tenant",
        "created_at",
        "expires_at",
        "live",
    )
    list_filter = ("status", "requested_by", "action", "tenant")
    list_select_related = ("tenant", "step")
    list_filter_submit = False
    search_ids = ("id", "task_id")
    ordering = ("-created_at",)
    actions = ("approve", "deny")
    exclude = ("subject", "context", "modifiable", "modified_action")
    readonly_fields = ("live", "shown_subject", "shown_context", "shown_modified")

    @admin.display(description="Question", ordering="message")
    def short_message(self, approval: Approval) -> str:
        """The question."""
        return cut_short(approval.message)

    @display(description="Status", ordering="status", label=STATUS_COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, approval: Approval) -> str:
        """The status, coloured."""
        return approval.status

    @admin.display(description="Step")
    def step_key(self, approval: Approval) -> str:
        """The step that waits."""
        return approval.step.key if approval.step else "the whole task"

    @admin.display(description="Run")
    def live(self, approval: Approval) -> SafeString:
        """Link to the page that follows the run."""
        address = reverse("console-run", args=[approval.task_id])
        return format_html('<a class="text-primary-600" href="{}">watch</a>', address)

    @admin.display(description="Subject")
    def shown_subject(self, approval: Approval) -> SafeString:
        """What the question is about."""
        return json_shown(approval.subject)

    @admin.display(description="Context")
    def shown_context(self, approval: Approval) -> SafeString:
        """What else there is to know."""
        return json_shown(approval.context)

    @admin.display(description="Changed to")
    def shown_modified(self, approval: Approval) -> SafeString:
        """What the person put in place of the subject's."""
        return json_shown(approval.modified_action)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whoever may change approvals may decide them."""
        return request.user.has_perm("orchestration.change_approval")

    @admin.action(description="Approve the selected", permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        """Approve through the service."""
        _decide(request, list(queryset), approved=True)

    @admin.action(description="Deny the selected", permissions=["decide"])
    def deny(self, request: HttpRequest, queryset: QuerySet[Approval]) -> None:
        """Deny through the service."""
        _decide(request, list(queryset), approved=False)


def _decide(request: HttpRequest, approvals: Sequence[Approval], *, approved: bool) -> None:
    """Decide in the name of the signed-in person, and say how many could not be decided any more."""
    decided = sum(_decided(request, approval, approved) for approval in approvals)
    messages.info(request, f"{decided} were {'approved' if approved else 'denied'}.")
    if late := len(approvals) - decided:
        messages.warning(request, f"{late} had been decided otherwise, or their time was over.")


def _decided(request: HttpRequest, approval: Approval, approved: bool) -> bool:
    decision: dict[str, Any] = {"approval_id": approval.id, "task_id": approval.task_id, "approved": approved}
    try:
        approval_decide(principal=staff_principal(request, approval.tenant_id), **decision)
    except ApprovalAlreadyDecided:
        return False
    return True
