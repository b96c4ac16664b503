"""Bodies, query strings and answers of the task endpoints."""

from orchestration.api.serializers.tasks.answers import (
    STATUS_PREFIX,
    TaskAnswer,
    TaskListQuery,
    TaskPageAnswer,
    TaskSummaryAnswer,
    UsageAnswer,
    session_name,
)
from orchestration.api.serializers.tasks.events import EventAnswer, EventListQuery, EventPageAnswer
from orchestration.api.serializers.tasks.submitting import (
    MODES,
    STRATEGY_PARAMETERS_MAX_BYTES,
    SubmitBody,
    SubmittedAnswer,
    SubmittedStreamAnswer,
)

__all__ = [
    "MODES",
    "STATUS_PREFIX",
    "STRATEGY_PARAMETERS_MAX_BYTES",
    "EventAnswer",
    "EventListQuery",
    "EventPageAnswer",
    "SubmitBody",
    "SubmittedAnswer",
    "SubmittedStreamAnswer",
    "TaskAnswer",
    "TaskListQuery",
    "TaskPageAnswer",
    "TaskSummaryAnswer",
    "UsageAnswer",
    "session_name",
]
