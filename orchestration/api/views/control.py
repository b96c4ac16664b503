"""Stopping a task, for good or for a while."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.control import ControlAnswer, ControlStateAnswer, ReasonBody
from orchestration.api.views.tasks import task_id_of
from orchestration.control import task_cancel, task_pause, task_resume
from orchestration.selectors import task_for


class TaskCancelView(Endpoint):
    """Cancel a task."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(operation_id="tasks_cancel", tags=["tasks"], request=ReasonBody, responses={202: ControlAnswer})
    def post(self, request: Request, task_id: str) -> Response:
        """Cancel a task; running steps stop at their next checkpoint."""
        body = ReasonBody.of_body(request)
        known_id = task_id_of(task_id)
        cancelled = task_cancel(principal=self.principal, task_id=known_id, reason=body.validated_data["reason"])
        message = "The task is being cancelled." if cancelled else "The task had already ended."
        return Response({"success": cancelled, "task_id": str(known_id), "message": message}, status=202)


class TaskPauseView(Endpoint):
    """Pause a task."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(operation_id="tasks_pause", tags=["tasks"], request=ReasonBody, responses={202: ControlAnswer})
    def post(self, request: Request, task_id: str) -> Response:
        """Pause a task; running steps stop before their next model or tool call."""
        body = ReasonBody.of_body(request)
        known_id = task_id_of(task_id)
        paused = task_pause(principal=self.principal, task_id=known_id, reason=body.validated_data["reason"])
        message = "The task is paused." if paused else "The task had already ended."
        return Response({"success": paused, "task_id": str(known_id), "message": message}, status=202)


class TaskResumeView(Endpoint):
    """Resume a task."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(operation_id="tasks_resume", tags=["tasks"], request=ReasonBody, responses={202: ControlAnswer})
    def post(self, request: Request, task_id: str) -> Response:
        """Let a paused task go on; its steps go on from their journals."""
        body = ReasonBody.of_body(request)
        known_id = task_id_of(task_id)
        resumed = task_resume(principal=self.principal, task_id=known_id, reason=body.validated_data["reason"])
        message = "The task goes on." if resumed else "The task was not paused."
        return Response({"success": resumed, "task_id": str(known_id), "message": message}, status=202)


class TaskControlStateView(Endpoint):
    """Whether a task is paused or cancelled."""

    required_scopes = {"GET": "tasks:read"}

    @extend_schema(operation_id="tasks_control_state", tags=["tasks"], responses=ControlStateAnswer)
    def get(self, _request: Request, task_id: str) -> Response:
        """Tell whether a task is paused or cancelled, by whom and why."""
        return Response(ControlStateAnswer(task_for(principal=self.principal, task_id=task_id_of(task_id))).data)
