"""What the sandbox keeps in the database."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from shannon_project.foundation.ids import uuid7


class WasmModule(models.Model):
    """A WASI command that a tenant uploaded. Tenants are known to `policy`; here their id is a value."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    name = models.CharField(max_length=64, help_text="How agents call it; unique for the tenant.")
    description = models.CharField(max_length=500, blank=True, help_text="For models: what it does.")
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveIntegerField()
    imports = models.JSONField(default=list, help_text="WASI functions that it calls.")
    capabilities = models.JSONField(default=list, help_text="What they take: files, clock, random.")
    content = models.BinaryField()
    created_by = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "WASM module"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant_id", "name"], name="wasm_module_name_unique")]

    def __str__(self) -> str:
        return self.name


class StoredFile(models.Model):
    """A file of a workspace whose bytes lie in an object store; see `workspace/stored.py`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField()
    workspace = models.CharField(max_length=64, help_text="Its name among the tenant's: a session's id, or a memory's.")
    path = models.CharField(max_length=1024, blank=True, help_text="Empty: not in its place yet, or not any more.")
    name = models.CharField(max_length=255, help_text="Of the object in the store.")
    size_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "file of a workspace"
        verbose_name_plural = "files of workspaces"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant_id", "workspace", "path"],
                condition=~models.Q(path=""),
                name="stored_file_path_unique",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["tenant_id", "workspace"], name="stored_file_by_workspace")]

    def __str__(self) -> str:
        return self.path or self.name
