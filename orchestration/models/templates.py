"""Workflows that requests may name."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from policy.models import Tenant


class WorkflowTemplate(models.Model):
    """One version of a template. Versions are never changed: a task keeps a copy of what it carries out."""

    tenant = models.ForeignKey(
        Tenant,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the platform's own.",
    )
    name = models.CharField(max_length=64)
    version = models.PositiveIntegerField(help_text="From 1, by tenant and name.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the complete workflow.")
    source = models.TextField(help_text="The YAML as it was given.")
    workflow = models.JSONField(help_text="What is carried out: the source with all that it inherits.")
    origin = models.CharField(max_length=200, help_text="A file, or who saved it.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "name", "version"], name="template_version_unique", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
