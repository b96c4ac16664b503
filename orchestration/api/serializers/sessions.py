"""Bodies and answers of the session endpoints. Answers read a `SessionOverview`: the session and its tasks' sums."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import PageQuery, StrictSerializer, TextField
from orchestration.models import Task
from orchestration.overviews import SessionOverview


class SessionPatchBody(StrictSerializer):
    """What may be changed in a session."""

    title = TextField(help_text="1 to 60 characters.")


class SessionAnswer(serializers.Serializer[SessionOverview]):
    """A session and what its tasks came to. Fields of the reference system that have no meaning here are absent."""

    session_id = serializers.UUIDField(source="session.id")
    user_id = serializers.CharField(source="session.user_id")
    title = serializers.CharField(source="session.title")
    context = serializers.SerializerMethodField()  # type: ignore[assignment]
    created_at = serializers.DateTimeField(source="session.created_at")
    updated_at = serializers.DateTimeField(source="session.updated_at")
    expires_at = serializers.DateTimeField(source="session.expires_at", allow_null=True)
    last_activity_at = serializers.DateTimeField(source="stats.last_activity_at", allow_null=True)
    is_active = serializers.BooleanField(help_text="The session's latest task is still open.")
    task_count = serializers.IntegerField(source="stats.task_count")
    successful_tasks = serializers.IntegerField(source="stats.successful_tasks")
    failed_tasks = serializers.IntegerField(source="stats.failed_tasks")
    success_rate = serializers.SerializerMethodField(help_text="Of the tasks that succeeded or failed; 0 to 1.")
    tokens_used = serializers.IntegerField(source="stats.total_tokens")
    total_cost_usd = serializers.FloatField(source="stats.total_cost_usd")
    cost_usd = serializers.FloatField(source="stats.total_cost_usd")
    average_cost_per_task = serializers.SerializerMethodField()
    token_budget = serializers.IntegerField(allow_null=True)
    budget_remaining = serializers.SerializerMethodField()
    budget_utilization = serializers.SerializerMethodField(help_text="0 to 1; 0 without a token budget.")
    is_near_budget_limit = serializers.SerializerMethodField()
    latest_task_query = serializers.CharField(source="stats.latest_query")
    latest_task_status = serializers.CharField(source="stats.latest_status")
    first_task_mode = serializers.CharField(source="stats.first_mode")
    is_research_session = serializers.SerializerMethodField()

    def get_context(self, overview: SessionOverview) -> dict[str, Any]:
        """The session's context; `external_id` is the caller's own name for it, where the official client looks."""
        session = overview.session
        name = {"external_id": session.external_id} if session.external_id else {}
        return {**session.context, **name}

    def get_success_rate(self, overview: SessionOverview) -> float:
        """Successful tasks in proportion to those that ended."""
        ended = overview.stats.successful_tasks + overview.stats.failed_tasks
        return overview.stats.successful_tasks / ended if ended else 0.0

    def get_average_cost_per_task(self, overview: SessionOverview) -> float:
        """US dollars per task."""
        stats = overview.stats
        return float(stats.total_cost_usd / stats.task_count) if stats.task_count else 0.0

    def get_budget_remaining(self, overview: SessionOverview) -> int | None:
        """Tokens that the session's budget still allows; None without one."""
        if overview.token_budget is None:
            return None
        return max(0, overview.token_budget - overview.stats.total_tokens)

    def get_budget_utilization(self, overview: SessionOverview) -> float:
        """The part of the token budget that was used."""
        return overview.stats.total_tokens / overview.token_budget if overview.token_budget else 0.0

    def get_is_near_budget_limit(self, overview: SessionOverview) -> bool:
        """Whether four fifths of the token budget were used."""
        return self.get_budget_utilization(overview) >= 0.8

    def get_is_research_session(self, _overview: SessionOverview) -> bool:
        """Always false: there are no research sessions here."""
        return False


class SessionPageAnswer(serializers.Serializer[Any]):
    """A page of sessions, newest first."""

    sessions = SessionAnswer(many=True)
    total_count = serializers.IntegerField()


class SessionRenamedAnswer(serializers.Serializer[Any]):
    """The new title."""

    success = serializers.BooleanField()
    session_id = serializers.UUIDField(source="id")
    title = serializers.CharField()


class HistoryItemAnswer(serializers.Serializer[Task]):
    """A task of a session, as a turn of the conversation."""

    task_id = serializers.UUIDField(source="id")
    workflow_id = serializers.UUIDField(source="id")
    query = serializers.CharField()
    result = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    mode = serializers.CharField()
    error_message = serializers.SerializerMethodField()
    total_tokens = serializers.SerializerMethodField()
    total_cost_usd = serializers.FloatField(source="cost_usd")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(source="created_at", help_text="The reference system's name for it.")
    completed_at = serializers.DateTimeField(allow_null=True)

    def get_error_message(self, task: Task) -> str:
        """What went wrong; empty when nothing did."""
        return str(task.error["message"]) if task.error else ""

    def get_total_tokens(self, task: Task) -> int:
        """Prompt and completion tokens together."""
        return task.prompt_tokens + task.completion_tokens


class HistoryAnswer(serializers.Serializer[Any]):
    """The turns of a session, oldest first."""

    session_id = serializers.UUIDField()
    tasks = HistoryItemAnswer(many=True)
    total = serializers.IntegerField()


class HistoryQuery(PageQuery):
    """Which turns are listed; without a limit, the first hundred."""

    limit = serializers.IntegerField(default=100, min_value=1, max_value=100)


class TurnAnswer(serializers.Serializer[Any]):
    """One task of a session with its events."""

    turn = serializers.IntegerField(help_text="From 1.")
    task_id = serializers.UUIDField()
    user_query = serializers.CharField()
    final_output = serializers.CharField(allow_null=True)
    timestamp = serializers.DateTimeField()
    events = serializers.ListField(child=serializers.JSONField())
    metadata = serializers.JSONField()


class TurnPageAnswer(serializers.Serializer[Any]):
    """Turns of a session, oldest first."""

    session_id = serializers.UUIDField()
    turns = TurnAnswer(many=True)
    count = serializers.IntegerField(help_text="Turns of the session, not of this page.")
