"""Reviewing a plan, as the official client does it."""

from typing import Any, Final

from rest_framework import serializers

from orchestration.api.serializers.base import OneOfField, StrictSerializer, TextField
from orchestration.reviews import ReviewState

FEEDBACK: Final = "feedback"
APPROVE: Final = "approve"


class ReviewBody(StrictSerializer):
    """What a person says about the plan."""

    action = OneOfField((FEEDBACK, APPROVE))
    message = TextField(required=False, allow_blank=True, default="", max_length=8_000, help_text="Of `feedback`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse feedback without words, and words that nobody would read."""
        if attrs["action"] == FEEDBACK and not attrs["message"].strip():
            raise serializers.ValidationError({"message": "must say what is wrong with the plan"})
        if attrs["action"] == APPROVE and attrs["message"]:
            raise serializers.ValidationError({"message": "goes with feedback only"})
        return attrs


class ReviewTurnAnswer(serializers.Serializer[Any]):
    """One turn: a plan of the assistant, or what the user said about it."""

    role = serializers.CharField()
    message = serializers.CharField()
    timestamp = serializers.DateTimeField(allow_null=True)


class ReviewAnswer(serializers.Serializer[ReviewState]):
    """How a review stands."""

    workflow_id = serializers.UUIDField(source="task_id")
    query = serializers.CharField()
    status = serializers.CharField(help_text="planning, reviewing, approved or rejected.")
    round = serializers.IntegerField(help_text="Plans so far.")
    version = serializers.IntegerField(help_text="Grows with every plan and every answer; `If-Match` takes it.")
    current_plan = serializers.CharField(allow_null=True, help_text="The latest plan as text.")
    plan = serializers.JSONField(allow_null=True, help_text="The same as the planner wrote it.")
    rounds = ReviewTurnAnswer(many=True, source="turns")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="From then on the default holds.")
    message = serializers.SerializerMethodField()

    def get_message(self, state: ReviewState) -> str:
        """One sentence."""
        return f"The review is {state.status}."
