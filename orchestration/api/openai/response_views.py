"""`/v1/responses`: answers by a `shannon-*` model are tasks, so they can be followed, read again and cancelled."""

import re
from typing import Any, Final
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import AsyncEndpoint, in_thread
from orchestration.api.http import idempotency_key_of
from orchestration.api.openai.answer_text import AnswerText
from orchestration.api.openai.answers import ResponseWriter, usage_of
from orchestration.api.openai.errors import task_error_status
from orchestration.api.openai.names import PLATFORM_MODELS
from orchestration.api.openai.platform import answer_frames, answer_wait
from orchestration.api.openai.response_bodies import PlatformResponseBody
from orchestration.api.openai.views import SESSION_HEADERS, OpenAiErrors, session_id_of
from orchestration.api.serializers.tasks import session_name
from orchestration.api.views.stream import stream_response
from orchestration.control import task_cancel
from orchestration.errors import TaskNotFinished
from orchestration.models import Task
from orchestration.selectors import has_later_task, is_key_known, task_for
from orchestration.services import task_submit
from orchestration.types import TASK_TERMINAL, TaskStatus
from policy.types import Principal
from shannon_project.foundation.errors import InvalidInput, NotFound
from shannon_project.foundation.openai import openai_error
from shannon_project.foundation.responses import Answer, ResponseEvents, ResponseShape, Status, id_number, response_id

_HEX: Final = re.compile(r"^[0-9a-f]{32}\Z")
_MODEL_OF_MODE: Final = {(model.mode, model.research_strategy): model.name for model in PLATFORM_MODELS.values()}


class ResponseNotFound(NotFound):
    """There is no such answer. Those of one model by its name are not kept; those of `shannon-*` models are."""

    code = "RESPONSE_NOT_FOUND"


class ResponseListView(OpenAiErrors, AsyncEndpoint):
    """Answers, made."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(
        operation_id="openai_responses_create",
        tags=["openai"],
        request=PlatformResponseBody,
        responses=OpenApiTypes.OBJECT,
    )
    async def post(self, request: Request) -> HttpResponseBase:
        """Answer by a `shannon-*` model, whose streams carry its events too; other names do not come here."""
        body = PlatformResponseBody.of_body(request)
        key = idempotency_key_of(request)
        session_id = await in_thread(_session_of, self.principal, body, session_id_of(request), key)
        task_request = body.task_request(session_id)
        submitted = await in_thread(
            task_submit, principal=self.principal, request=task_request, idempotency_key=key, begins=True
        )
        response = await self._respond(submitted.task, body)
        for name in SESSION_HEADERS:
            response[name] = session_name(submitted.task)
        response["X-Workflow-ID"] = str(submitted.task.id)
        return response

    async def _respond(self, task: Task, body: PlatformResponseBody) -> HttpResponseBase:
        values = body.validated_data
        shape = ResponseShape(task.id.hex, values["model"], body.told_back(), int(task.created_at.timestamp()))
        if values["stream"]:
            text, writer = AnswerText(is_whole=values["text"] is not None), ResponseWriter(ResponseEvents(shape))
            return stream_response(answer_frames(self.principal, task, writer=writer, text=text))
        if values["background"]:
            return Response({**shape.begun(), "background": True})
        ended = await answer_wait(self.principal, task)
        return Response(response_of(ended, shape))


class ResponseView(OpenAiErrors):
    """One answer."""

    required_scopes = {"GET": "tasks:read"}

    @extend_schema(operation_id="openai_responses_get", tags=["openai"], responses=OpenApiTypes.OBJECT)
    def get(self, _request: Request, name: str) -> Response:
        """Get an answer as far as it is."""
        return Response(response_of(response_task(self.principal, name)))


class ResponseCancelView(OpenAiErrors):
    """The end of one answer."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(operation_id="openai_responses_cancel", tags=["openai"], request=None, responses=OpenApiTypes.OBJECT)
    def post(self, _request: Request, name: str) -> Response:
        """Stop an answer that is still being made; one that has ended stays as it is."""
        task_cancel(principal=self.principal, task_id=response_task(self.principal, name).id)
        return Response(response_of(response_task(self.principal, name)))


def response_of(task: Task, shape: ResponseShape | None = None) -> dict[str, Any]:
    """Return a task as an answer, as far as it is."""
    if shape is None:
        depth = str((task.parameters.get("strategy") or {}).get("depth") or "")
        model = _MODEL_OF_MODE.get((task.mode, depth), _MODEL_OF_MODE["", ""])
        shape = ResponseShape(task.id.hex, model, {"store": True}, int(task.created_at.timestamp()))
    if task.status == TaskStatus.COMPLETED:
        return shape.whole(Answer(task.result or "", usage=usage_of(task)))
    if task.status not in TASK_TERMINAL:
        return {**shape.begun(), "background": True}
    error = {"details": {}, **(task.error or {})}
    status = Status.CANCELLED if task.status == TaskStatus.CANCELLED else Status.FAILED
    return shape.failed(openai_error(error, task_error_status(error))["error"], status)


def response_task(principal: Principal, name: str) -> Task:
    """Return the task of an answer.

    Raises:
        ResponseNotFound: There is none in the principal's tenant (the caller's fault).
    """
    number = id_number(name)
    if number is None or not _HEX.match(number):
        raise ResponseNotFound(details={"response_id": name[:100]})
    try:
        return task_for(principal=principal, task_id=UUID(hex=number))
    except NotFound as error:
        raise ResponseNotFound(details={"response_id": name[:100]}) from error


def _session_of(
    principal: Principal, body: PlatformResponseBody, asked: str | None, idempotency_key: str | None
) -> str | None:
    """Return the session in which an answer is given: that of the answer before it.

    Raises:
        ResponseNotFound: There is no such answer. TaskNotFinished: It is not there yet.
        InvalidInput: It is not the last one of its session: a conversation here has no branches.
    """
    name = body.validated_data["previous_response_id"]
    if name is None:
        return asked
    if asked is not None:
        message = "previous_response_id: names a session already; leave the header out."
        raise InvalidInput(message, details={"field": "previous_response_id"})
    task = response_task(principal, name)
    if task.status != TaskStatus.COMPLETED:
        raise TaskNotFinished(details={"field": "previous_response_id", "status": str(task.status)})
    is_repeat = idempotency_key is not None and is_key_known(principal=principal, idempotency_key=idempotency_key)
    if not is_repeat and has_later_task(task):
        raise InvalidInput(
            f"previous_response_id: {response_id(task.id.hex)} is not the last answer of its conversation, which "
            "has no branches here: name the last one, or send the conversation as input.",
            details={"field": "previous_response_id"},
        )
    return session_name(task)
