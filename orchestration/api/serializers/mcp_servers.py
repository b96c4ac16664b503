"""Bodies and answers of the endpoints for MCP servers."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from agents.models import McpServer
from agents.services import McpServerChanges
from orchestration.api.serializers.base import StrictSerializer, TextField


class ToolNamesField(serializers.ListField):
    """A list of tools' names."""

    child = TextField(max_length=200)


class McpServerChangeBody(StrictSerializer):
    """What is to be changed; what is left out stays."""

    url = TextField(required=False, max_length=2000, help_text="Its streamable-HTTP endpoint.")
    headers = serializers.DictField(
        child=TextField(max_length=4000),
        required=False,
        help_text="Sent with every request, for credentials. They replace those from before, and are never shown.",
    )
    tools_allowed = ToolNamesField(required=False, max_length=256, help_text="Names of its tools to offer; empty: all.")
    tools_trusted = ToolNamesField(
        required=False,
        max_length=256,
        help_text="Names of its tools that are not dangerous, as they are described now.",
    )
    timeout_seconds = serializers.FloatField(
        required=False, min_value=1, max_value=settings.SHANNON_MCP_TIMEOUT_SECONDS, help_text="Of one call."
    )
    is_active = serializers.BooleanField(required=False)

    @property
    def changes(self) -> McpServerChanges:
        """The changes as the service takes them."""
        return McpServerChanges(**{name: value for name, value in self.validated_data.items() if name != "name"})


class McpServerBody(McpServerChangeBody):
    """A server to register."""

    name = TextField(max_length=24, help_text="Letters a-z, digits and single _; part of its tools' names.")
    url = TextField(max_length=2000, help_text="Its streamable-HTTP endpoint.")


class McpToolAnswer(serializers.Serializer[Any]):
    """A tool as the server described it; the flags are its own word."""

    name = serializers.CharField()
    description = serializers.CharField()
    parameters = serializers.JSONField(help_text="JSON schema of the arguments.")
    returns = serializers.JSONField(default=dict, help_text="JSON schema of the structured output; {}: not known.")
    read_only = serializers.BooleanField()  # type: ignore[assignment] # the name of one of DRF's own attributes
    destructive = serializers.BooleanField()
    idempotent = serializers.BooleanField()


class McpServerAnswer(serializers.ModelSerializer[McpServer]):
    """A registered server, without its credentials."""

    has_headers = serializers.SerializerMethodField(help_text="Whether headers are stored; they are never shown.")
    tools = McpToolAnswer(many=True)
    trust_ended = serializers.DictField(
        child=serializers.DateTimeField(),
        help_text="Tools that were trusted until the server described them anew, and when; empty when trust is set.",
    )

    class Meta:
        model = McpServer
        fields: ClassVar = [
            "id",
            "name",
            "url",
            "has_headers",
            "tools_allowed",
            "tools_trusted",
            "trust_ended",
            "timeout_seconds",
            "is_active",
            "tools",
            "discovered_at",
            "discovery_error",
            "created_by",
            "created_at",
            "updated_at",
        ]

    def get_has_headers(self, server: McpServer) -> bool:
        """Tell whether headers are stored."""
        return bool(server.encrypted_headers)


class McpServerListAnswer(serializers.Serializer[Any]):
    """The tenant's servers, by name."""

    servers = McpServerAnswer(many=True)
