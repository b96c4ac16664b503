"""Sessions, their messages, what is remembered, and the journal. Constraints only: services change rows."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Cast, Now, TruncMonth
from pgvector.django import HalfVectorField, VectorField

from agents.gateway_models import (
    CachedAnswer,
    KeptText,
    ModelCall,
    ModelOverride,
    ModelRules,
    ProviderKey,
    TierOverride,
)
from agents.types import EMBEDDING_DIMENSIONS, TITLE_MAX_CHARACTERS, JournalStatus, MessageRole
from policy.models import Tenant
from shannon_project.foundation.ids import uuid7

__all__ = [
    "AgentRole",
    "Blob",
    "CachedAnswer",
    "JournalEntry",
    "KeptText",
    "Memory",
    "Message",
    "ModelCall",
    "ModelOverride",
    "ModelRules",
    "OwnToolRow",
    "ProviderKey",
    "Session",
    "TenantSkill",
    "TierOverride",
]


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
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "digest", "month"], name="blob_once_in_tenant_and_month")
        ]

    def __str__(self) -> str:
        return f"{self.digest[:12]} {self.media_type} {self.size_bytes} bytes"


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


class McpServer(models.Model):
    """A server of the Model Context Protocol whose tools the tenant's agents may call."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=32, help_text="Part of its tools' names: mcp__<name>__<tool>.")
    url = models.CharField(max_length=2000, help_text="Its streamable-HTTP endpoint.")
    encrypted_headers = models.TextField(blank=True, help_text="Headers that it is sent, with its credentials.")
    tools_allowed = models.JSONField(default=list, blank=True, help_text="Names of its tools to offer; empty: all.")
    tools_trusted = models.JSONField(
        default=list, blank=True, help_text="Names of its tools that are not dangerous, whatever it says of them."
    )
    timeout_seconds = models.FloatField(default=30.0, help_text="Of one call.")
    is_active = models.BooleanField(default=True)
    tools = models.JSONField(default=list, blank=True, help_text="What it offered when it was asked last.")
    discovered_at = models.DateTimeField(null=True, blank=True)
    discovery_error = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "MCP server"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="mcp_server_name_unique")]

    def __str__(self) -> str:
        return self.name


class AgentRole(models.Model):
    """A role that a tenant made; one with the name of a shipped role takes its place."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=32, help_text="A letter a-z, then letters, digits, _ and -.")
    description = models.CharField(max_length=300, help_text="What it does; planners choose by it.")
    brief = models.TextField(blank=True, max_length=8000, help_text="Added to the prompt that every agent has.")
    tools = models.JSONField(default=list, blank=True, help_text="Names of the tools that it gets.")
    tier = models.CharField(max_length=16, default="medium")
    max_turns = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(100)], help_text="Model calls of one step."
    )
    max_output_tokens = models.PositiveIntegerField(
        default=4096, validators=[MinValueValidator(1)], help_text="Of one model call."
    )
    budget_tokens = models.PositiveBigIntegerField(null=True, blank=True, help_text="Of all calls of a step.")
    budget_usd = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, help_text="Of all calls of a step."
    )
    budget_ask_person_percent = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Of the step's budget; from there on a person is asked before it goes on. Empty: nobody is.",
    )
    is_active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "role"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="agent_role_name_unique")]

    def __str__(self) -> str:
        return self.name


class OwnToolRow(models.Model):
    """A tool that a tenant made of a program: a module that it uploaded, or source."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40, help_text="Agents call it own__<name>.")
    description = models.CharField(max_length=1000, help_text="For models: what it does, and when to use it.")
    guest = models.CharField(max_length=16, choices=[(name, name) for name in ("module", "python", "javascript")])
    module = models.CharField(max_length=64, blank=True, help_text="Name of the module that it runs.")
    code = models.TextField(blank=True, help_text="Source of the program that it runs.")
    parameters = models.JSONField(help_text="JSON schema of the arguments, which it reads from standard input.")
    returns = models.JSONField(default=dict, blank=True, help_text="JSON schema of what it prints; {}: anything.")
    uses_files = models.BooleanField(default=False, help_text="It works on the session's files.")
    dangerous = models.BooleanField(default=False)
    requires_approval = models.BooleanField(default=False)
    calls_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="Of the tenant; empty: any number.")
    wall_seconds = models.FloatField(help_text="The most that one run may take.")
    memory_bytes = models.PositiveBigIntegerField(null=True, blank=True, help_text="Empty: the platform's limit.")
    is_active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "tool"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="own_tool_name_unique")]

    def __str__(self) -> str:
        return self.name


class TenantSkill(models.Model):
    """One version of a skill that a tenant registered; one of the name and version of a folder takes its place."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=64, help_text="As its document says.")
    version = models.CharField(max_length=20, help_text="As its document says.")
    document = models.TextField(help_text="A SKILL.md: frontmatter between two lines of ---, then Markdown for agents.")
    scripts = models.JSONField(default=dict, blank=True, help_text="Its programs: name (.py, .js, .mjs) to source.")
    is_active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "skill"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name", "version"], name="tenant_skill_version_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class OpenApi(models.Model):
    """An HTTP API whose operations the tenant's agents may call, imported from its OpenAPI document."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=32, help_text="Part of its tools' names: api__<name>__<operation>.")
    url = models.CharField(max_length=2000, blank=True, help_text="Where its document is; empty: it was given as text.")
    document = models.TextField(help_text="As it was read last.")
    title = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=100, blank=True)
    server_url = models.CharField(max_length=2000, blank=True, help_text="Called in place of the document's servers.")
    security_schemes = models.JSONField(default=dict, blank=True)
    encrypted_credentials = models.TextField(blank=True, help_text="Credentials by security scheme.")
    credential_origins = models.JSONField(default=list, blank=True, help_text="Where the credentials may go.")
    tags = models.JSONField(default=list, blank=True, help_text="Operations with one of these tags are imported.")
    operations_wanted = models.JSONField(
        default=list, blank=True, help_text="Names of operations to import besides; without any and tags: all."
    )
    operations_trusted = models.JSONField(
        default=list, blank=True, help_text="Names of operations that are not dangerous, whatever they change."
    )
    operations = models.JSONField(default=list, blank=True, help_text="What was imported.")
    report = models.JSONField(default=dict, blank=True, help_text="What became of the document's operations.")
    timeout_seconds = models.FloatField(default=30.0, help_text="Of one call.")
    is_active = models.BooleanField(default=True)
    imported_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "OpenAPI import"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="openapi_name_unique")]

    def __str__(self) -> str:
        return self.name
