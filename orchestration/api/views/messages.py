"""Messages to running tasks."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.http import idempotency_key_of
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.messages import MessageAnswer, MessageBody
from orchestration.api.views.tasks import task_id_of
from orchestration.messages import message_send


class MessageView(Endpoint):
    """Tell a running task something."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(
        operation_id="tasks_message",
        tags=["tasks"],
        parameters=[IDEMPOTENCY_KEY],
        request=MessageBody,
        responses=MessageAnswer,
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Tell the agents of a running task something; they hear it before their next turn."""
        body = MessageBody.of_body(request).validated_data
        sent = message_send(
            principal=self.principal,
            task_id=task_id_of(task_id),
            text=body["message"],
            to=body["to"],
            idempotency_key=idempotency_key_of(request),
        )
        answer = MessageAnswer({"success": True, "status": "sent", "number": sent.number})
        return Response(answer.data, headers=None if sent.created else {"Idempotent-Replayed": "true"})
