"""What people say of answers."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import OneOfField, StrictSerializer, TextField
from orchestration.feedback import COMMENT_MAX_CHARACTERS
from orchestration.models import Task
from orchestration.types import Rating


class ScoreField(serializers.FloatField):
    """A JSON number from 0 to 1; strings and booleans are not taken for numbers."""

    def __init__(self, **kwargs: Any) -> None:
        """Make a field; `kwargs` are those of any serializer field."""
        super().__init__(min_value=0.0, max_value=1.0, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        """Return the number."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class FeedbackBody(StrictSerializer):
    """How good an answer is."""

    rating = OneOfField(tuple(Rating))
    score = ScoreField(
        required=False,
        allow_null=True,
        default=None,
        help_text="How good, from 0 to 1: 0.5 or more with `good`, less with `bad`. Absent: 1 or 0.",
    )
    comment = TextField(
        required=False,
        allow_blank=True,
        default="",
        max_length=COMMENT_MAX_CHARACTERS,
        help_text="Why. Agents that find the answer later read its beginning.",
    )


class FeedbackAnswer(serializers.Serializer[Any]):
    """What somebody said of an answer."""

    rating = serializers.CharField(source="said.rating")
    score = serializers.FloatField(source="said.score")
    comment = serializers.CharField(source="said.comment")
    given_by = serializers.CharField()
    given_at = serializers.DateTimeField()


class GivenFeedbackAnswer(FeedbackAnswer):
    """What was said just now."""

    task_id = serializers.UUIDField()


class StoredFeedbackAnswer(FeedbackAnswer):
    """One row."""

    rating = serializers.CharField()
    score = serializers.FloatField()
    comment = serializers.CharField()


class FeedbackSummaryAnswer(serializers.Serializer[Task]):
    """What people say of an answer, in two numbers."""

    score = serializers.FloatField(
        source="feedback_score", allow_null=True, help_text="The mean, from 0 to 1; null: nobody said anything."
    )
    count = serializers.IntegerField(source="feedback_count")


class FeedbackListAnswer(FeedbackSummaryAnswer):
    """What everybody says of an answer now, the latest first."""

    feedback = serializers.SerializerMethodField()

    def get_feedback(self, _task: Task) -> Any:
        """Each one's last word."""
        return StoredFeedbackAnswer(self.context["feedback"], many=True).data
