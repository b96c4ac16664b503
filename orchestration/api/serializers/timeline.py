"""How a timeline is asked for."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import OneOfField, StrictSerializer
from orchestration.timeline import FULL, STEPS_MAX, SUMMARY


class TimelineQuery(StrictSerializer):
    """How much of a run is shown."""

    mode = OneOfField((SUMMARY, FULL), required=False, default=SUMMARY)
    include_payloads = serializers.BooleanField(required=False, default=False, help_text="With mode=full.")
    run_id = serializers.UUIDField(required=False, default=None, help_text="A task has one run, its own id.")
    limit = serializers.IntegerField(default=STEPS_MAX, min_value=1, max_value=STEPS_MAX, help_text="Steps.")
    offset = serializers.IntegerField(default=0, min_value=0, max_value=1_000_000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse payloads where there are no effects to carry them."""
        if attrs["include_payloads"] and attrs["mode"] != FULL:
            raise serializers.ValidationError({"include_payloads": "goes with mode=full"})
        return attrs


class TimelineAnswer(serializers.Serializer[Any]):
    """A run as a tree."""

    workflow_id = serializers.UUIDField()
    mode = serializers.CharField()
    status = serializers.CharField()
    duration_ms = serializers.IntegerField(allow_null=True)
    usage = serializers.JSONField()
    waits = serializers.JSONField(help_text="What was asked of people before the run began.")
    steps = serializers.JSONField(help_text="In the order in which they were made; each with waits, attempts, entries.")
    total_steps = serializers.IntegerField()
    truncated = serializers.BooleanField(help_text="Whether effects were left out; ask for fewer steps.")
