"""Bodies and answers of the tool endpoints."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from agents.types import ToolInfo
from orchestration.api.serializers.base import ObjectField, SessionIdField, StrictSerializer


class ToolListQuery(StrictSerializer):
    """Which tools are listed."""

    category = serializers.CharField(required=False, default=None, max_length=64)


class ToolExecuteBody(StrictSerializer):
    """What a tool is called with."""

    arguments = ObjectField(max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, required=False, default=dict)
    session_id = SessionIdField(required=False, allow_null=True, default=None, help_text="Whose workspace is used.")


class ToolTestBody(StrictSerializer):
    """A call that is not made."""

    arguments = ObjectField(max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, required=False, default=dict)


class ToolAnswer(serializers.Serializer[ToolInfo]):
    """A tool that may be called."""

    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    parameters = serializers.JSONField(help_text="JSON schema of the arguments.")
    returns = serializers.JSONField(help_text="JSON schema of the output, unless it had to be cut; {}: unknown.")
    cost_per_use = serializers.FloatField(source="cost_usd", allow_null=True, help_text="US dollars; null: unknown.")
    dangerous = serializers.BooleanField(help_text="Calling it needs the scope tools:dangerous.")
    requires_approval = serializers.BooleanField(help_text="A person must agree to every call.")
    idempotent = serializers.BooleanField(help_text="Calling it twice does no harm.")
    timeout_seconds = serializers.FloatField()
    needs_network = serializers.BooleanField(help_text="It reaches outside, through the guard for outgoing requests.")
    calls_per_minute = serializers.IntegerField(allow_null=True, help_text="Of the tenant; null: any number.")
    cache_seconds = serializers.IntegerField(help_text="How long an answer is given again to the same arguments.")
    registered_by = serializers.CharField(source="source", help_text="`builtin`, or the kind of source: `mcp`, …")


class ToolListAnswer(serializers.Serializer[Any]):
    """All tools, by name."""

    tools = ToolAnswer(many=True)


class ToolUsageAnswer(serializers.Serializer[Any]):
    """What the call used."""

    tokens = serializers.IntegerField()
    cost_usd = serializers.FloatField()


class ToolExecuteAnswer(serializers.Serializer[Any]):
    """How the call ended."""

    success = serializers.BooleanField()
    output = serializers.JSONField(allow_null=True)
    text = serializers.CharField(allow_null=True, help_text="The output as text.")
    error = serializers.CharField(allow_null=True)
    metadata = serializers.JSONField(help_text="task_id, session_id and, on failure, the error's code and details.")
    execution_time_ms = serializers.IntegerField()
    usage = ToolUsageAnswer()


class ToolTestAnswer(serializers.Serializer[Any]):
    """What would become of the call."""

    would_run = serializers.BooleanField(help_text="Whether a call now would be made, perhaps after an approval.")
    arguments_problem = serializers.CharField(allow_null=True, help_text="Where and why they do not fit the schema.")
    missing_scopes = serializers.ListField(child=serializers.CharField())
    verdict = serializers.CharField(help_text="What the policies say: allow, deny or require_approval.")
    reason = serializers.CharField(allow_blank=True)
    asks_a_person = serializers.BooleanField(help_text="A person would be asked first.")
    tool = ToolAnswer()
