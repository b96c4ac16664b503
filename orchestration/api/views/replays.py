"""Replaying a task."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.base import StrictSerializer
from orchestration.api.serializers.replays import ReplayAnswer
from orchestration.api.views.tasks import task_id_of
from orchestration.replaying import task_replay


class ReplayBody(StrictSerializer):
    """Nothing is to be said."""


class TaskReplayView(Endpoint):
    """Compute a run again."""

    required_scopes = {"POST": "tasks:read"}

    @extend_schema(operation_id="tasks_replay", tags=["tasks"], request=ReplayBody, responses=ReplayAnswer)
    def post(self, request: Request, task_id: str) -> Response:
        """Compute a run that has ended again from its history, without any effect, and report the first difference."""
        ReplayBody.of_body(request)
        return Response(ReplayAnswer(task_replay(principal=self.principal, task_id=task_id_of(task_id))).data)
