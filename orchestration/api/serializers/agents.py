"""Bodies and answers of the endpoints for single agents."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from orchestration.api.serializers.base import ObjectField, SessionIdField, StrictSerializer
from orchestration.api.serializers.tasks import SubmittedStreamAnswer
from orchestration.single_agents import SingleAgent


class AgentAnswer(serializers.Serializer[SingleAgent]):
    """An agent that may be asked directly."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField(help_text="`role`, or the category of its tool.")
    tool = serializers.CharField(help_text="The tool that it calls; empty: it asks a model.")
    input_schema = serializers.JSONField(help_text="JSON schema of its input.")
    cost_per_call = serializers.FloatField(allow_null=True, help_text="US dollars; null: it depends on the request.")


class AgentListAnswer(serializers.Serializer[Any]):
    """All agents: roles, then tools."""

    agents = AgentAnswer(many=True)


class AgentExecuteBody(StrictSerializer):
    """What an agent is asked."""

    input = ObjectField(max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, help_text="As its `input_schema` says.")
    session_id = SessionIdField(required=False, allow_null=True, default=None)
    stream = serializers.BooleanField(
        required=False, default=False, help_text="Makes no difference: every run can be followed at `stream_url`."
    )


class AgentExecuteAnswer(SubmittedStreamAnswer):
    """A task that was accepted, and the agent that works on it."""

    agent_id = serializers.SerializerMethodField()

    def get_agent_id(self, _task: object) -> str:
        """The agent."""
        return str(self.context["agent_id"])
