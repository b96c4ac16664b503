"""What a replay found."""

from typing import Any

from rest_framework import serializers

from orchestration.replaying import ReplayReport


class DifferenceAnswer(serializers.Serializer[Any]):
    """The first place where the replay came to something else."""

    where = serializers.CharField(help_text="decision, step or result.")
    step_key = serializers.CharField()
    position = serializers.IntegerField(allow_null=True, help_text="Of the decision, or in the step's journal.")
    recorded = serializers.JSONField(allow_null=True)
    replayed = serializers.JSONField(allow_null=True)


class ReplayAnswer(serializers.Serializer[ReplayReport]):
    """What was computed again, and whether it came to the same."""

    task_id = serializers.UUIDField()
    strategy = serializers.CharField()
    matches = serializers.BooleanField()
    decisions = serializers.IntegerField(help_text="Of the strategy.")
    steps = serializers.IntegerField(help_text="Whose code was run again.")
    effects = serializers.IntegerField(help_text="Recorded effects that they read.")
    difference = DifferenceAnswer(allow_null=True)
