"""Sessions: list, get, rename, delete, their turns and events."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import session_for
from agents.services import session_delete, session_rename
from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.base import PageQuery
from orchestration.api.serializers.sessions import (
    HistoryAnswer,
    HistoryQuery,
    SessionAnswer,
    SessionPageAnswer,
    SessionPatchBody,
    SessionRenamedAnswer,
    TurnPageAnswer,
)
from orchestration.api.sse import event_body
from orchestration.models import Event, Task
from orchestration.overviews import session_overview, session_overviews
from orchestration.selectors import events_of_tasks, session_tasks


def turn_body(task: Task, events: Sequence[Event], number: int) -> dict[str, Any]:
    """Return a task as one turn of its session."""
    return {
        "turn": number,
        "task_id": str(task.id),
        "user_query": task.query,
        "final_output": task.result,
        "timestamp": task.created_at,
        "events": [event_body(event) for event in events],
        "metadata": {"status": task.status, "mode": task.mode or task.strategy, "event_count": task.event_seq},
    }


class SessionListView(Endpoint):
    """The tenant's sessions."""

    required_scopes = {"GET": "sessions:read"}
    queries = {"GET": PageQuery}

    @extend_schema(operation_id="sessions_list", tags=["sessions"], parameters=[PageQuery], responses=SessionPageAnswer)
    def get(self, _request: Request) -> Response:
        """List sessions, newest first."""
        sessions, total = session_overviews(principal=self.principal, **self.query)
        return Response(SessionPageAnswer({"sessions": sessions, "total_count": total}).data)


class SessionView(Endpoint):
    """One session."""

    required_scopes = {"GET": "sessions:read", "PATCH": "sessions:write", "DELETE": "sessions:write"}

    @extend_schema(operation_id="sessions_get", tags=["sessions"], responses=SessionAnswer)
    def get(self, _request: Request, session_id: str) -> Response:
        """Get a session by its id or your own name for it."""
        overview = session_overview(principal=self.principal, session_id=session_id)
        return Response(SessionAnswer(overview).data)

    @extend_schema(
        operation_id="sessions_patch", tags=["sessions"], request=SessionPatchBody, responses=SessionRenamedAnswer
    )
    def patch(self, request: Request, session_id: str) -> Response:
        """Give a session another title."""
        body = SessionPatchBody.of_body(request)
        title = body.validated_data["title"]
        session = session_rename(principal=self.principal, session_id=session_id, title=title)
        return Response({"success": True, "session_id": str(session.id), "title": session.title})

    @extend_schema(operation_id="sessions_delete", tags=["sessions"], responses={204: None})
    def delete(self, _request: Request, session_id: str) -> Response:
        """Hide a session; its tasks stay."""
        session_delete(principal=self.principal, session_id=session_id)
        return Response(status=204)


class SessionHistoryView(Endpoint):
    """The turns of a session."""

    required_scopes = {"GET": "sessions:read"}
    queries = {"GET": HistoryQuery}

    @extend_schema(
        operation_id="sessions_history", tags=["sessions"], parameters=[HistoryQuery], responses=HistoryAnswer
    )
    def get(self, _request: Request, session_id: str) -> Response:
        """List a session's tasks, oldest first."""
        session = session_for(principal=self.principal, session_id=session_id)
        tasks, total = session_tasks(session_id=session.id, **self.query)
        return Response(HistoryAnswer({"session_id": session.id, "tasks": tasks, "total": total}).data)


class SessionEventsView(Endpoint):
    """The turns of a session with their events."""

    required_scopes = {"GET": "sessions:read"}
    queries = {"GET": PageQuery}

    @extend_schema(operation_id="sessions_events", tags=["sessions"], parameters=[PageQuery], responses=TurnPageAnswer)
    def get(self, _request: Request, session_id: str) -> Response:
        """List a session's tasks, oldest first, each with its first 200 events; `metadata` says how many there are."""
        session = session_for(principal=self.principal, session_id=session_id)
        tasks, total = session_tasks(session_id=session.id, **self.query)
        task_ids = [task.id for task in tasks]
        events = events_of_tasks(task_ids=task_ids, limit_per_task=settings.SHANNON_EVENTS_PAGE_MAX)
        turns = [
            turn_body(task, events[task.id], number)
            for number, task in enumerate(tasks, start=self.query["offset"] + 1)
        ]
        return Response({"session_id": str(session.id), "turns": turns, "count": total})
