"""Questions to people, and their answers."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from orchestration.api.serializers.base import ObjectField, OneOfField, PageQuery, StrictSerializer, TextField
from orchestration.models import Approval
from orchestration.types import ApprovalStatus


class ApprovalListQuery(PageQuery):
    """Which questions are listed."""

    status = OneOfField(tuple(ApprovalStatus), required=False, default=ApprovalStatus.PENDING.value)
    workflow_id = serializers.UUIDField(required=False, default=None, help_text="Those of one task.")


class DecisionBody(StrictSerializer):
    """A decision, as the official client sends it."""

    unsupported_fields: ClassVar[frozenset[str]] = frozenset({"approved_by"})  # the key says who decides

    workflow_id = TextField(max_length=64, help_text="The task's id.")
    run_id = TextField(required=False, allow_null=True, allow_blank=True, default=None, max_length=64)
    approval_id = TextField(max_length=64)
    approved = serializers.BooleanField()
    feedback = TextField(required=False, allow_null=True, allow_blank=True, default="", max_length=4_000)
    modified_action = ObjectField(
        max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES,
        required=False,
        allow_null=True,
        default=None,
        help_text="With an approval: values in place of those of the subject, for the keys in `modifiable`.",
    )


class DecisionAnswer(serializers.Serializer[Any]):
    """What holds now."""

    success = serializers.BooleanField()
    status = serializers.CharField()
    approval_id = serializers.UUIDField()
    workflow_id = serializers.UUIDField()
    run_id = serializers.UUIDField()
    message = serializers.CharField()


class ApprovalAnswer(serializers.Serializer[Approval]):
    """A question to a person."""

    approval_id = serializers.UUIDField(source="id")
    workflow_id = serializers.UUIDField(source="task_id")
    run_id = serializers.UUIDField(source="task_id")
    step_key = serializers.CharField(source="step.key", default="", help_text="Empty: the whole task waits.")
    position = serializers.IntegerField(allow_null=True, help_text="Place in the step's journal.")
    action = serializers.CharField(help_text="What would be done.")
    message = serializers.CharField(help_text="The question.")
    subject = serializers.JSONField(help_text="What it is about.")
    context = serializers.JSONField()  # type: ignore[assignment]
    modifiable = serializers.JSONField(help_text="What `modified_action` may change.")
    requested_by = serializers.CharField()
    status = serializers.CharField()
    default = serializers.SerializerMethodField(
        method_name="verdict_by_default", help_text="What holds when nobody decides in time."
    )
    requested_at = serializers.DateTimeField(source="created_at")
    expires_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField()
    feedback = serializers.CharField()
    modified_action = serializers.JSONField(allow_null=True)

    def verdict_by_default(self, approval: Approval) -> str:
        """`approve` or `deny`."""
        return "approve" if approval.approve_by_default else "deny"


class ApprovalPageAnswer(serializers.Serializer[Any]):
    """A page of questions, newest first."""

    approvals = ApprovalAnswer(many=True)
    total_count = serializers.IntegerField()
