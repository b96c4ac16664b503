"""Tasks: submit, list, get, cancel, and their events."""

from uuid import UUID

from django.http import HttpResponseRedirect
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import model_breakdown, session_for
from orchestration.api.endpoint import Endpoint
from orchestration.api.http import idempotency_key_of, uuid_of
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.stream import StreamQuery
from orchestration.api.serializers.tasks import (
    EventListQuery,
    EventPageAnswer,
    SubmitBody,
    SubmittedAnswer,
    SubmittedStreamAnswer,
    TaskAnswer,
    TaskListQuery,
    TaskPageAnswer,
    session_name,
)
from orchestration.api.sse import event_body
from orchestration.errors import TaskNotFound
from orchestration.selectors import events_after, forks_of, step_counts, task_for, tasks_page
from orchestration.services import SubmittedTask, task_submit
from policy.selectors import degradations_of


def task_id_of(text: str) -> UUID:
    """Return the id in a path or query.

    Raises:
        TaskNotFound: It is not one: there is no task of that name (the caller's fault).
    """
    if (task_id := uuid_of(text)) is None:
        raise TaskNotFound
    return task_id


def stream_url_of(request: Request, task_id: UUID) -> str:
    """Return the absolute address of a task's event stream."""
    return request.build_absolute_uri(f"{reverse('stream-sse')}?workflow_id={task_id}")


def submit_headers(submitted: SubmittedTask) -> dict[str, str]:
    """Return the headers that name an accepted task and its session."""
    headers = {"X-Workflow-ID": str(submitted.task.id), "X-Session-ID": session_name(submitted.task)}
    return headers if submitted.created else {**headers, "Idempotent-Replayed": "true"}


class TaskListView(Endpoint):
    """Submit a task, or list tasks."""

    required_scopes = {"GET": "tasks:read", "POST": "tasks:write"}
    queries = {"GET": TaskListQuery}

    @extend_schema(operation_id="tasks_list", tags=["tasks"], parameters=[TaskListQuery], responses=TaskPageAnswer)
    def get(self, _request: Request) -> Response:
        """List the tenant's tasks, newest first."""
        name = self.query.pop("session_id")
        session_id = session_for(principal=self.principal, session_id=name).id if name else None
        tasks, total = tasks_page(principal=self.principal, session_id=session_id, **self.query)
        return Response(TaskPageAnswer({"tasks": tasks, "total_count": total}).data)

    @extend_schema(
        operation_id="tasks_submit",
        tags=["tasks"],
        parameters=[IDEMPOTENCY_KEY],
        request=SubmitBody,
        responses=SubmittedAnswer,
    )
    def post(self, request: Request) -> Response:
        """Submit a task; it is worked on from now on, whoever listens."""
        body = SubmitBody.of_body(request)
        key = idempotency_key_of(request)
        submitted = task_submit(principal=self.principal, request=body.task_request, idempotency_key=key, begins=True)
        return Response(SubmittedAnswer(submitted.task).data, headers=submit_headers(submitted))


class TaskSubmitStreamView(Endpoint):
    """Submit a task and get the address of its stream."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(
        operation_id="tasks_submit_stream",
        tags=["tasks"],
        parameters=[IDEMPOTENCY_KEY],
        request=SubmitBody,
        responses={201: SubmittedStreamAnswer},
    )
    def post(self, request: Request) -> Response:
        """Submit a task; `stream_url` and the Link header say where to follow it."""
        body = SubmitBody.of_body(request)
        key = idempotency_key_of(request)
        submitted = task_submit(principal=self.principal, request=body.task_request, idempotency_key=key, begins=True)
        stream_url = stream_url_of(request, submitted.task.id)
        headers = {**submit_headers(submitted), "Link": f'<{stream_url}>; rel="stream"'}
        answer = SubmittedStreamAnswer(submitted.task, context={"stream_url": stream_url})
        return Response(answer.data, status=201, headers=headers)


class TaskView(Endpoint):
    """One task."""

    required_scopes = {"GET": "tasks:read"}

    @extend_schema(operation_id="tasks_get", tags=["tasks"], responses=TaskAnswer)
    def get(self, _request: Request, task_id: str) -> Response:
        """Get a task: its status, its result or error, what it used."""
        task = task_for(principal=self.principal, task_id=task_id_of(task_id))
        known = {
            "steps": step_counts(task_id=task.id),
            "forks": forks_of(task_id=task.id),
            "models": model_breakdown(task_id=task.id),
            "degradations": degradations_of(tenant_id=task.tenant_id, task_id=task.id),
        }
        return Response(TaskAnswer(task, context=known).data)


class TaskEventsView(Endpoint):
    """The stored events of a task."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": EventListQuery}

    @extend_schema(operation_id="tasks_events", tags=["tasks"], parameters=[EventListQuery], responses=EventPageAnswer)
    def get(self, _request: Request, task_id: str) -> Response:
        """List a task's events, oldest first; event n + 1 is at offset n."""
        task = task_for(principal=self.principal, task_id=task_id_of(task_id))
        events = events_after(task_id=task.id, seq=self.query["offset"], limit=self.query["limit"])
        return Response({"events": [event_body(event) for event in events], "total_count": task.event_seq})


class TaskStreamView(Endpoint):
    """Where a task's stream is."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": StreamQuery}

    @extend_schema(operation_id="tasks_stream", tags=["tasks"], parameters=[StreamQuery], responses={307: None})
    def get(self, request: Request, task_id: str) -> HttpResponseRedirect:
        """Redirect to the event stream, with the same query string."""
        task = task_for(principal=self.principal, task_id=task_id_of(task_id))
        query = request.query_params.copy()
        query["workflow_id"] = str(task.id)
        return HttpResponseRedirect(f"{reverse('stream-sse')}?{query.urlencode()}", status=307)
