"""The timeline of a task."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.timeline import TimelineAnswer, TimelineQuery
from orchestration.api.views.tasks import task_id_of
from orchestration.selectors import task_for
from orchestration.timeline import timeline
from shannon_project.foundation.errors import InvalidInput


class TaskTimelineView(Endpoint):
    """A run as a tree."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": TimelineQuery}

    @extend_schema(operation_id="tasks_timeline", tags=["tasks"], parameters=[TimelineQuery], responses=TimelineAnswer)
    def get(self, _request: Request, task_id: str) -> Response:
        """Show a run as a tree: steps, what they waited for, their attempts and effects, with times and costs."""
        task = task_for(principal=self.principal, task_id=task_id_of(task_id))
        run_id = self.query.pop("run_id")
        if run_id not in (None, task.id):
            raise InvalidInput("run_id: a task has one run, whose id is its own.")
        with_payloads = self.query.pop("include_payloads")
        return Response(timeline(task=task, with_payloads=with_payloads, **self.query))
