"""What people say of a task's answer."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.http import idempotency_key_of
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.feedback import FeedbackBody, FeedbackListAnswer, GivenFeedbackAnswer
from orchestration.api.views.tasks import task_id_of
from orchestration.feedback import feedback_give, feedback_of, feedback_withdraw
from orchestration.selectors import task_for
from orchestration.types import Rating


class TaskFeedbackView(Endpoint):
    """Say how good an answer is, see what is said of it, take back what one said."""

    required_scopes = {"GET": "tasks:read", "POST": "tasks:write", "DELETE": "tasks:write"}

    @extend_schema(operation_id="tasks_feedback_list", tags=["tasks"], responses=FeedbackListAnswer)
    def get(self, _request: Request, task_id: str) -> Response:
        """List what is said of a task's answer, the latest first."""
        task = task_for(principal=self.principal, task_id=task_id_of(task_id))
        return Response(FeedbackListAnswer(task, context={"feedback": feedback_of(task_id=task.id)}).data)

    @extend_schema(
        operation_id="tasks_feedback",
        tags=["tasks"],
        parameters=[IDEMPOTENCY_KEY],
        request=FeedbackBody,
        responses=GivenFeedbackAnswer,
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Say how good a task's answer is; what you said before is replaced."""
        body = FeedbackBody.of_body(request).validated_data
        given = feedback_give(
            principal=self.principal,
            task_id=task_id_of(task_id),
            rating=Rating(body["rating"]),
            score=body["score"],
            comment=body["comment"],
            idempotency_key=idempotency_key_of(request),
        )
        headers = {"Idempotent-Replayed": "true"} if given.is_replayed else None
        return Response(GivenFeedbackAnswer(given).data, headers=headers)

    @extend_schema(operation_id="tasks_feedback_withdraw", tags=["tasks"], responses={204: None})
    def delete(self, _request: Request, task_id: str) -> Response:
        """Take back what you said of a task's answer; to have said nothing is no error."""
        feedback_withdraw(principal=self.principal, task_id=task_id_of(task_id))
        return Response(status=204)
