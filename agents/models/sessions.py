"""Conversations and their turns."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from agents.types import TITLE_MAX_CHARACTERS, MessageRole
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7


class Session(models.Model):
    """A conversation of one tenant; its files live in the workspace of the same id."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(  # noqa: DJ001 - None is "the caller gave no name", and names are unique
        max_length=128, null=True, blank=True, help_text="The name that the caller chose, unique in the tenant."
    )
    user_id = models.CharField(max_length=128)
    title = models.CharField(max_length=TITLE_MAX_CHARACTERS, blank=True)
    context = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="Set: the session is hidden, its tasks stay.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "external_id"],
                condition=models.Q(deleted_at__isnull=True),
                name="session_external_id_unique_in_tenant",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "-created_at"], name="session_by_tenant")]

    def __str__(self) -> str:
        return self.title or str(self.id)


class Message(models.Model):
    """One turn of a session. A task asks once and answers once, so a repeated append changes nothing."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="messages")
    task_id = models.UUIDField()
    role = models.CharField(max_length=16, choices=[(r.value, r.value) for r in MessageRole])
    content = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task_id", "role"], name="message_role_unique_in_task"),
        ]
        indexes: ClassVar = [models.Index(fields=["session", "-id"], name="message_by_session")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.role}"
