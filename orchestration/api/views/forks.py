"""Forking a task."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.http import idempotency_key_of
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.forks import ForkBody
from orchestration.api.serializers.tasks import SubmittedAnswer
from orchestration.api.views.tasks import submit_headers, task_id_of
from orchestration.forking import task_fork


class TaskForkView(Endpoint):
    """Fork a task."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(
        operation_id="tasks_fork",
        tags=["tasks"],
        parameters=[IDEMPOTENCY_KEY],
        request=ForkBody,
        responses=SubmittedAnswer,
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Make a new task from a step of this one; what lies before it is copied and not paid again."""
        body = ForkBody.of_body(request)
        forked = task_fork(
            principal=self.principal,
            task_id=task_id_of(task_id),
            request=body.fork_request,
            idempotency_key=idempotency_key_of(request),
        )
        return Response(SubmittedAnswer(forked.task).data, headers=submit_headers(forked))
