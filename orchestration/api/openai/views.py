"""`/v1`: what clients of OpenAI ask for."""

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import AsyncEndpoint, Endpoint, in_thread
from orchestration.api.http import body_measure, idempotency_key_of
from orchestration.api.openai.answer_text import AnswerText
from orchestration.api.openai.answers import AnswerShape, ChatShape, CompletionShape, PieceWriter, usage_of
from orchestration.api.openai.bodies import PlatformBody, PlatformChatBody, PlatformCompletionBody
from orchestration.api.openai.errors import task_error_status
from orchestration.api.openai.names import model_body, model_listed, models_listed
from orchestration.api.openai.platform import TaskHasNoAnswer, answer_frames, answer_wait
from orchestration.api.serializers.base import SESSION_ID
from orchestration.api.serializers.tasks import session_name
from orchestration.api.views.stream import stream_response
from orchestration.models import Task
from orchestration.services import task_submit
from shannon_project.foundation.errors import InvalidInput
from shannon_project.foundation.openai import openai_error

SESSION_HEADERS = ("X-Session-ID", "X-Shannon-Session-ID")


class OpenAiErrors(Endpoint):
    """Refusals have what clients of OpenAI look for, `type` and `param`, beside our own fields."""

    def handle_exception(self, exc: Exception) -> Response:
        """Answer with the error; what nobody expected is raised again."""
        response: Response = super().handle_exception(exc)
        if isinstance(exc, TaskHasNoAnswer) and exc.task_error:
            error = {**response.data["error"], **exc.task_error}
            error["details"] = {**exc.details, **(exc.task_error.get("details") or {})}
            response.status_code = task_error_status(exc.task_error)
            response.data = {"error": error}
        response.data = openai_error(response.data["error"], response.status_code)
        return response


class ModelListView(OpenAiErrors):
    """The names that a request may have as its `model`."""

    required_scopes = {"GET": "tasks:read"}

    @extend_schema(operation_id="openai_models_list", tags=["openai"], responses=OpenApiTypes.OBJECT)
    def get(self, _request: Request) -> Response:
        """List the models."""
        return Response(
            {"object": "list", "data": [model_body(entry) for entry in models_listed(self.principal.tenant_id)]}
        )


class ModelView(OpenAiErrors):
    """One model."""

    required_scopes = {"GET": "tasks:read"}

    @extend_schema(operation_id="openai_models_get", tags=["openai"], responses=OpenApiTypes.OBJECT)
    def get(self, _request: Request, model: str) -> Response:
        """Get a model; what it is stands in the header `X-Model-Description`."""
        entry = model_listed(self.principal.tenant_id, model)
        return Response(model_body(entry), headers={"X-Model-Description": entry[2]})


class AnswerView(OpenAiErrors, AsyncEndpoint):
    """A model's answer, whole or in pieces."""

    required_scopes = {"POST": "tasks:write"}
    body_class: type[PlatformChatBody | PlatformCompletionBody]
    shape_class: type[AnswerShape]
    id_prefix: str

    async def answer(self, request: Request) -> HttpResponseBase:
        """Answer by a `shannon-*` model; other names do not come here, see `door`."""
        body = self.body_class.of_body(request)
        task_request = body.task_request(session_id_of(request))
        key = idempotency_key_of(request)
        submitted = await in_thread(
            task_submit, principal=self.principal, request=task_request, idempotency_key=key, begins=True
        )
        task = submitted.task
        shape = self.shape_class(f"{self.id_prefix}{task.id.hex}", body.validated_data["model"])
        text = AnswerText(stop=body.stops, is_whole=body.wants_form)
        response = await self._respond(task, body, shape, text)
        for name in SESSION_HEADERS:
            response[name] = session_name(task)
        response["X-Workflow-ID"] = str(task.id)
        return response

    async def _respond(self, task: Task, body: PlatformBody, shape: AnswerShape, text: AnswerText) -> HttpResponseBase:
        if body.validated_data["stream"]:
            writer = PieceWriter(shape, body.includes_usage)
            return stream_response(answer_frames(self.principal, task, writer=writer, text=text))
        ended = await answer_wait(self.principal, task)
        return Response(shape.whole(text.finish(ended.result or ""), finish_reason="stop", usage=usage_of(ended)))


class EmbeddingsView(OpenAiErrors, AsyncEndpoint):
    """Texts as places in the space of meanings."""

    required_scopes = {"POST": "tasks:write"}

    @extend_schema(
        operation_id="openai_embeddings",
        tags=["openai"],
        request=OpenApiTypes.OBJECT,
        responses=OpenApiTypes.OBJECT,
    )
    async def post(self, request: Request) -> HttpResponseBase:
        """Embed texts; the model is `wordllama`, which needs no network. What names one does not come here."""
        body_measure(request._request)
        names = isinstance(request.data, dict) and request.data.get("model")
        why = "there is no such model for embeddings" if names else "must name a model, as text"
        raise InvalidInput(f"model: {why}.", details={"field": "model"})


class ChatCompletionView(AnswerView):
    """Chats."""

    body_class = PlatformChatBody
    shape_class = ChatShape
    id_prefix = "chatcmpl-"

    @extend_schema(
        operation_id="openai_chat_completions",
        tags=["openai"],
        request=PlatformChatBody,
        responses=OpenApiTypes.OBJECT,
    )
    async def post(self, request: Request) -> HttpResponseBase:
        """Answer a chat. `shannon-*` models run the platform: their streams carry its events as `shannon_events`."""
        return await self.answer(request)


class CompletionView(AnswerView):
    """Plain completions."""

    body_class = PlatformCompletionBody
    shape_class = CompletionShape
    id_prefix = "cmpl-"

    @extend_schema(
        operation_id="openai_completions",
        tags=["openai"],
        request=PlatformCompletionBody,
        responses=OpenApiTypes.OBJECT,
    )
    async def post(self, request: Request) -> HttpResponseBase:
        """Answer a prompt."""
        return await self.answer(request)


def session_id_of(request: Request) -> str | None:
    """Return the session that a header names, or None: a new one.

    Raises:
        InvalidInput: It is no session id (the caller's fault).
    """
    for header in SESSION_HEADERS:
        if name := request.headers.get(header):
            if not SESSION_ID.match(name):
                raise InvalidInput(f"{header}: must be 1 to 128 characters out of A-Z a-z 0-9 : _ - .")
            return name
    return None
