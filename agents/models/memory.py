"""What is remembered, as text and as a vector."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Cast, Now
from pgvector.django import HalfVectorField, VectorField

from agents.models.sessions import Session
from agents.types import EMBEDDING_DIMENSIONS
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7


class Memory(models.Model):
    """Something the tenant's agents found out, and where it lies in the space of meanings."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    session = models.ForeignKey(Session, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    task_id = models.UUIDField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the content.")
    content = models.TextField()
    embedding = VectorField(dimensions=EMBEDDING_DIMENSIONS)
    embedding_half = models.GeneratedField(  # what a search reads of all memories: half as much
        expression=Cast("embedding", HalfVectorField(dimensions=EMBEDDING_DIMENSIONS)),
        output_field=HalfVectorField(dimensions=EMBEDDING_DIMENSIONS),
        db_persist=True,
    )
    feedback_score = models.FloatField(
        null=True, blank=True, help_text="How good people call it, from 0 to 1; empty: nobody said."
    )
    feedback_comment = models.CharField(max_length=500, blank=True, db_default="", help_text="What was last said.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "memories"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task_id", "digest"], name="memory_digest_unique_in_task")
        ]
        # A search looks at every memory of one tenant: an HNSW index shared by tenants finds too little when filtered.
        # It reads the tenant's vectors one after another from the index, not from rows all over the table.
        indexes: ClassVar = [
            models.Index(
                fields=["tenant", "-created_at"], include=["id", "embedding_half"], name="memory_vectors_by_tenant"
            )
        ]

    def __str__(self) -> str:
        return self.content[:60]
