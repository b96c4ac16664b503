"""What a step saw."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.states import StateAnswer, StateQuery
from orchestration.api.views.tasks import task_id_of
from orchestration.selectors import task_for
from orchestration.state_at import state_at


class StepStateView(Endpoint):
    """What a step saw at a position of its journal."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": StateQuery}

    @extend_schema(operation_id="tasks_step_state", tags=["tasks"], parameters=[StateQuery], responses=StateAnswer)
    def get(self, _request: Request, task_id: str, step_key: str) -> Response:
        """Show what a step saw at a position: messages, memory, decisions, budget, and the effects before."""
        task = task_for(principal=self.principal, task_id=task_id_of(task_id))
        return Response(state_at(task=task, step_key=step_key, **self.query))
