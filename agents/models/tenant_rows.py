"""What tenants register: roles, MCP servers, APIs, tools and skills of their own."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from policy.models import Tenant
from shannon_project.foundation.ids import uuid7


class TenantRow(models.Model):
    """Something that a tenant made and may switch off; `TenantRepository` finds and changes it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    is_active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


class AgentRole(TenantRow):
    """A role that a tenant made; one with the name of a shipped role takes its place."""

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

    class Meta:
        verbose_name = "role"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="agent_role_name_unique")]

    def __str__(self) -> str:
        return self.name


class McpServer(TenantRow):
    """A server of the Model Context Protocol whose tools the tenant's agents may call."""

    name = models.CharField(max_length=32, help_text="Part of its tools' names: mcp__<name>__<tool>.")
    url = models.CharField(max_length=2000, help_text="Its streamable-HTTP endpoint.")
    encrypted_headers = models.TextField(blank=True, help_text="Headers that it is sent, with its credentials.")
    tools_allowed = models.JSONField(default=list, blank=True, help_text="Names of its tools to offer; empty: all.")
    tools_trusted = models.JSONField(
        default=list, blank=True, help_text="Names of its tools that are not dangerous, whatever it says of them."
    )
    trust_digests = models.JSONField(
        default=dict, blank=True, help_text="Digest of what each trusted tool was when it was trusted, by its name."
    )
    trust_ended = models.JSONField(
        default=dict, blank=True, help_text="Tools that were trusted until they were described anew, and when that was."
    )
    timeout_seconds = models.FloatField(default=30.0, help_text="Of one call.")
    tools = models.JSONField(default=list, blank=True, help_text="What it offered when it was asked last.")
    asked_at = models.DateTimeField(null=True, blank=True, help_text="When it was asked for its tools last.")
    discovered_at = models.DateTimeField(null=True, blank=True, help_text="When it answered last.")
    discovery_error = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "MCP server"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="mcp_server_name_unique")]

    def __str__(self) -> str:
        return self.name


class OpenApi(TenantRow):
    """An HTTP API whose operations the tenant's agents may call, imported from its OpenAPI document."""

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
    imported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "OpenAPI import"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="openapi_name_unique")]

    def __str__(self) -> str:
        return self.name


class OwnToolRow(TenantRow):
    """A tool that a tenant made of a program: a module that it uploaded, or source."""

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

    class Meta:
        verbose_name = "tool"
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="own_tool_name_unique")]

    def __str__(self) -> str:
        return self.name


class TenantSkill(TenantRow):
    """One version of a skill that a tenant registered; one of the name and version of a folder takes its place."""

    name = models.CharField(max_length=64, help_text="As its document says.")
    version = models.CharField(max_length=20, help_text="As its document says.")
    document = models.TextField(help_text="A SKILL.md: frontmatter between two lines of ---, then Markdown for agents.")
    scripts = models.JSONField(default=dict, blank=True, help_text="Its programs: name (.py, .js, .mjs) to source.")

    class Meta:
        verbose_name = "skill"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name", "version"], name="tenant_skill_version_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
