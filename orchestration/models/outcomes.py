"""How ways to work fared, and what people say of answers."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orchestration.types import Rating
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7


class RouteRecord(models.Model):
    """How a strategy fared on a tenant's requests of one form, added up: what the router learns from."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    cluster = models.CharField(max_length=200, help_text="The form of the requests: what the router found in them.")
    strategy = models.CharField(max_length=32)
    runs = models.PositiveIntegerField(default=0)
    judged = models.PositiveIntegerField(db_default=0, help_text="Those whose answer a person called good or bad.")
    score_sum = models.FloatField(default=0.0, help_text="Of scores from 0 to 1.")
    tokens_sum = models.PositiveBigIntegerField(default=0)
    cost_usd_sum = models.DecimalField(max_digits=18, decimal_places=9, default=0)
    seconds_sum = models.FloatField(default=0.0, help_text="From a task's first step to its end.")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "route learned"
        verbose_name_plural = "routes learned"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "cluster", "strategy"], name="route_record_unique")
        ]

    def __str__(self) -> str:
        return f"{self.strategy}: {self.cluster}"[:100]


class AnswerFeedback(models.Model):
    """What somebody says of a task's answer; one row for each who does, as it is now."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    task = models.ForeignKey("Task", on_delete=models.CASCADE, related_name="feedback")
    given_by = models.CharField(
        max_length=160, help_text="The person behind a key, else the key or the member of staff."
    )
    rating = models.CharField(max_length=4, choices=[(r.value, r.value) for r in Rating])
    score = models.FloatField(help_text="From 0 to 1; of a good answer 0.5 or more.")
    comment = models.TextField(blank=True, help_text="Why, in words.")
    given_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "answer feedback"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "given_by"], name="feedback_one_per_person"),
            models.CheckConstraint(condition=models.Q(score__gte=0, score__lte=1), name="feedback_score_is_one"),
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "-given_at"], name="feedback_by_tenant")]

    def __str__(self) -> str:
        return f"{self.rating} {self.task_id}"
