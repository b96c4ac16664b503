"""What a step saw."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer


class StateQuery(StrictSerializer):
    """Which place of the journal."""

    position = serializers.IntegerField(min_value=0, max_value=1_000_000, help_text="Of the effect that came next.")


class StateAnswer(serializers.Serializer[Any]):
    """What a step saw at a position of its journal."""

    task_id = serializers.UUIDField()
    step_key = serializers.CharField()
    position = serializers.IntegerField()
    step = serializers.JSONField(help_text="Its kind, title and input.")
    effect = serializers.JSONField(
        allow_null=True, help_text="What it asked for there; null: it had ended, or nothing has happened there yet."
    )
    messages = serializers.JSONField(help_text="What the model asked there, or last before it, was told.")
    observed = serializers.JSONField(help_text="Listings of files, histories and messages read before.")
    memory_hits = serializers.JSONField(help_text="What was found in memory before.")
    decisions = serializers.JSONField(
        help_text="Of policies about the effects before and this one; answers of people; refusals of budgets."
    )
    budget = serializers.JSONField(help_text="What step and task had used by then.")
    before = serializers.JSONField(help_text="The effects before it; of a long journal the last ones.")
    left_out = serializers.IntegerField(help_text="How many places of the journal come before those in `before`.")
