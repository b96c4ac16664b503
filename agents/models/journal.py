"""The journal of steps, and the large values that rows refer to."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now, TruncMonth

from agents.types import JournalStatus
from policy.models import Tenant


class JournalEntry(models.Model):
    """One effect of a step outside itself, by its position in the step."""

    step_id = models.UUIDField()
    task_id = models.UUIDField(db_index=True)
    position = models.PositiveIntegerField(help_text="Order within the step, from 0.")
    attempt = models.PositiveSmallIntegerField(help_text="The step's attempt that last started the effect.")
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64, help_text="SHA-256 of the request as canonical JSON.")
    status = models.CharField(max_length=16, choices=[(s.value, s.value) for s in JournalStatus])
    request = models.JSONField(default=dict, help_text="Cut short when large; the digest is of the whole.")
    response = models.JSONField(null=True, blank=True, help_text="Whole, because a resumed step reads it.")
    error = models.JSONField(null=True, blank=True)
    decisions = models.JSONField(null=True, blank=True, help_text="What policies decided about it; null: none asked.")
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, null=True, blank=True)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:  # the table is partitioned by month, by the time in `step_id`
        verbose_name_plural = "journal entries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["step_id", "position"], name="journal_position_unique_in_step")
        ]

    def __str__(self) -> str:
        return f"{self.step_id}@{self.position} {self.kind} {self.key} {self.status}"


class Blob(models.Model):
    """A large value of a tenant, stored once a month; rows hold its digest. The table is partitioned by `month`."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )  # no constraint: it would lock the tenants' table whenever a month is made or dropped
    digest = models.CharField(max_length=64, help_text="SHA-256 of the bytes.")
    month = models.DateField(db_default=TruncMonth(Now(), output_field=models.DateField()))
    media_type = models.CharField(max_length=100)
    size_bytes = models.PositiveBigIntegerField()
    characters = models.PositiveBigIntegerField(null=True, blank=True, help_text="Of a text; empty for other bytes.")
    data = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "large value"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "digest", "month"], name="blob_once_in_tenant_and_month")
        ]

    def __str__(self) -> str:
        return f"{self.digest[:12]} {self.media_type} {self.size_bytes} bytes"
