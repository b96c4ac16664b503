"""Pages for people. Model text reaches the browser as JSON and is shown as text, never as HTML."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from orchestration.api.serializers.stream import last_seq_of
from orchestration.api.sse import EVENT_NAMES, task_frames
from orchestration.api.views.stream import stream_response
from orchestration.console.people import FeedbackForm, staff_principal
from orchestration.console.running import run_shown
from orchestration.console.status import links, parts_status
from orchestration.console.strategies import strategies_shown
from orchestration.events.reading import Opening
from orchestration.feedback import feedback_give
from orchestration.models import Task
from orchestration.types import Rating
from shannon_project.foundation.database import connection_release
from shannon_project.foundation.errors import InvalidInput, ShannonError
from shannon_project.foundation.http import error_response

VIEW_TASK: Final = "orchestration.view_task"
CHANGE_TASK: Final = "orchestration.change_task"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Send a page with a content policy under which only this server's own files are run or loaded."""

    @wraps(view)
    def guarded_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = POLICY
        return response

    return guarded_view


@require_safe
@guarded
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is and where everything is."""
    return render(request, "console/home.html", {"links": links()})


@require_safe
def status(_request: HttpRequest) -> JsonResponse:
    """Tell how the parts are."""
    return JsonResponse(parts_status(), headers={"Cache-Control": "no-store"})


@require_safe
@staff_member_required
@guarded
def strategies(request: HttpRequest) -> HttpResponse:
    """Show every strategy with its parameters, as their schemas have them."""
    return render(request, "console/strategies.html", {"strategies": strategies_shown()})


@require_safe
@staff_member_required
@permission_required(VIEW_TASK, raise_exception=True)
@guarded
def run(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Show the page that follows a run."""
    told = {"task": get_object_or_404(Task, id=task_id), "stream_names": json.dumps(EVENT_NAMES)}
    return render(request, "console/run.html", told)


@require_POST
@staff_member_required
@permission_required(CHANGE_TASK, raise_exception=True)
def run_feedback(request: HttpRequest, task_id: UUID) -> HttpResponse:
    """Take what the signed-in person says of the answer."""
    task = get_object_or_404(Task.objects.only("id", "tenant_id"), id=task_id)
    try:
        form = FeedbackForm(request.POST)
        if not form.is_valid():
            field, problems = next(iter(form.errors.items()))
            raise InvalidInput(f"{field}: {problems[0]}", details={"field": field})
        said = form.cleaned_data | {"rating": Rating(form.cleaned_data["rating"])}
        feedback_give(principal=staff_principal(request, task.tenant_id), task_id=task.id, **said)
    except ShannonError as error:
        return error_response(request, error)
    return HttpResponse(status=204)


@require_safe
@staff_member_required
@permission_required(VIEW_TASK, raise_exception=True)
def run_state(_request: HttpRequest, task_id: UUID) -> JsonResponse:
    """Tell where a run is: its numbers and its steps."""
    shown = run_shown(get_object_or_404(Task, id=task_id))
    return JsonResponse(shown, headers={"Cache-Control": "no-store"})


async def run_stream(request: HttpRequest, task_id: UUID) -> HttpResponseBase:
    """Stream a run's events to a member of staff, whose session stands for a key."""
    try:
        after_seq = last_seq_of(request.headers.get("Last-Event-ID", ""))
        task = await sync_to_async(_task_for_staff)(request, task_id)
    except ShannonError as error:
        return error_response(request, error)
    return stream_response(task_frames(Opening(task), after_seq=after_seq, kinds=None))


def _task_for_staff(request: HttpRequest, task_id: UUID) -> Task:
    """Return the task if the session is one of staff who may see tasks; else there is no such page."""
    try:
        if not (request.user.is_active and request.user.is_staff and request.user.has_perm(VIEW_TASK)):
            raise Http404
        return get_object_or_404(Task, id=task_id)
    finally:
        connection_release()
