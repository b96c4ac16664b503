"""Questions to people."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from agents.types import AskedBy
from orchestration.models.tasks import Step, Task
from orchestration.types import ApprovalStatus
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7


class Approval(models.Model):
    """A question to a person, on which a step waits, or a whole task before its first step (`step` empty)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="approvals")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, null=True, blank=True, related_name="approvals")
    position = models.PositiveIntegerField(null=True, blank=True, help_text="Place in the step's journal.")
    action = models.CharField(max_length=64, help_text="What would be done, for example tool.call.")
    message = models.TextField(help_text="The question.")
    subject = models.JSONField(default=dict, help_text="What the question is about.")
    context = models.JSONField(default=dict, help_text="More for the person to see; cut short when large.")
    modifiable = models.JSONField(default=list, help_text="Keys of the subject that the decision may change.")
    requested_by = models.CharField(max_length=16, choices=[(a.value, a.value) for a in AskedBy])
    status = models.CharField(
        max_length=16, default=ApprovalStatus.PENDING, choices=[(s.value, s.value) for s in ApprovalStatus]
    )
    approve_by_default = models.BooleanField(default=False, help_text="The verdict when nobody decides in time.")
    expires_at = models.DateTimeField(help_text="From then on the default holds.")
    decided_by = models.CharField(max_length=128, blank=True)
    feedback = models.TextField(blank=True, help_text="What the person said.")
    modified_action = models.JSONField(
        null=True, blank=True, help_text="What the person put in place of the subject's."
    )
    created_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["step", "position"], name="approval_unique_in_step_journal")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(status=ApprovalStatus.PENDING),
                name="approval_pending_by_expiry",
            ),
            models.Index(
                fields=["task"], condition=models.Q(status=ApprovalStatus.PENDING), name="approval_pending_by_task"
            ),
            models.Index(fields=["tenant", "-created_at"], name="approval_by_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.status}"
