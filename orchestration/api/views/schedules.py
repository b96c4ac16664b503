"""Schedules: make, list, get, change, pause, resume, delete, and their runs."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.http import idempotency_key_of, uuid_of
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.control import ReasonBody
from orchestration.api.serializers.schedules import (
    PageNumberQuery,
    ScheduleAnswer,
    ScheduleBody,
    ScheduleControlAnswer,
    ScheduleCreatedAnswer,
    ScheduleListQuery,
    SchedulePageAnswer,
    ScheduleRunPageAnswer,
    ScheduleUpdateBody,
)
from orchestration.errors import ScheduleNotFound
from orchestration.models import Schedule
from orchestration.schedules.reading import run_counts, runs_page, schedule_for, schedules_page
from orchestration.schedules.writing import (
    schedule_create,
    schedule_delete,
    schedule_pause,
    schedule_resume,
    schedule_update,
)

READ, WRITE = "schedules:read", "schedules:write"


def schedule_id_of(text: str) -> UUID:
    """Return the id in a path.

    Raises:
        ScheduleNotFound: It is not one (the caller's fault).
    """
    if (schedule_id := uuid_of(text)) is None:
        raise ScheduleNotFound
    return schedule_id


def schedule_answer(schedule: Schedule) -> Response:
    """Answer with a schedule and what became of its runs."""
    return Response(ScheduleAnswer(schedule, context={"counts": run_counts([schedule.id])}).data)


def control_answer(schedule_id: UUID, *, changed: bool, message: str) -> Response:
    """Answer whether something changed."""
    return Response({"success": changed, "schedule_id": str(schedule_id), "message": message})


class ScheduleListView(Endpoint):
    """Make a schedule, or list them."""

    required_scopes = {"GET": READ, "POST": WRITE}
    queries = {"GET": ScheduleListQuery}

    @extend_schema(
        operation_id="schedules_list", tags=["schedules"], parameters=[ScheduleListQuery], responses=SchedulePageAnswer
    )
    def get(self, _request: Request) -> Response:
        """List the tenant's schedules, newest first."""
        bounds = PageNumberQuery.bounds(self.query)
        found, total = schedules_page(principal=self.principal, status=self.query["status"], **bounds)
        context = {"counts": run_counts([schedule.id for schedule in found])}
        return Response(SchedulePageAnswer({"schedules": found, "total_count": total}, context=context).data)

    @extend_schema(
        operation_id="schedules_create",
        tags=["schedules"],
        parameters=[IDEMPOTENCY_KEY],
        request=ScheduleBody,
        responses={201: ScheduleCreatedAnswer},
    )
    def post(self, request: Request) -> Response:
        """Make a schedule; its runs act in the name of the key that made it."""
        body = ScheduleBody.of_body(request)
        key = idempotency_key_of(request)
        schedule = schedule_create(principal=self.principal, spec=body.spec, idempotency_key=key)
        answer = ScheduleCreatedAnswer(schedule, context={"counts": run_counts([schedule.id])})
        return Response(answer.data, status=201)


class ScheduleView(Endpoint):
    """One schedule."""

    required_scopes = {"GET": READ, "PUT": WRITE, "DELETE": WRITE}

    @extend_schema(operation_id="schedules_get", tags=["schedules"], responses=ScheduleAnswer)
    def get(self, _request: Request, schedule_id: str) -> Response:
        """Get a schedule and what became of its runs."""
        return schedule_answer(schedule_for(principal=self.principal, schedule_id=schedule_id_of(schedule_id)))

    @extend_schema(
        operation_id="schedules_update", tags=["schedules"], request=ScheduleUpdateBody, responses=ScheduleAnswer
    )
    def put(self, request: Request, schedule_id: str) -> Response:
        """Change a schedule; what is absent stays, and runs under way are not touched."""
        changes = ScheduleUpdateBody.of_body(request).changes
        known_id = schedule_id_of(schedule_id)
        return schedule_answer(schedule_update(principal=self.principal, schedule_id=known_id, changes=changes))

    @extend_schema(operation_id="schedules_delete", tags=["schedules"], responses={204: None})
    def delete(self, _request: Request, schedule_id: str) -> Response:
        """Begin no more runs and hide it; its tasks stay."""
        schedule_delete(principal=self.principal, schedule_id=schedule_id_of(schedule_id))
        return Response(status=204)


class SchedulePauseView(Endpoint):
    """Pause a schedule."""

    required_scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="schedules_pause", tags=["schedules"], request=ReasonBody, responses=ScheduleControlAnswer
    )
    def post(self, request: Request, schedule_id: str) -> Response:
        """Begin no more runs; those under way go on."""
        reason = ReasonBody.of_body(request).validated_data["reason"]
        known_id = schedule_id_of(schedule_id)
        paused = schedule_pause(principal=self.principal, schedule_id=known_id, reason=reason)
        message = "The schedule is paused." if paused else "The schedule was paused already."
        return control_answer(known_id, changed=paused, message=message)


class ScheduleResumeView(Endpoint):
    """Resume a schedule."""

    required_scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="schedules_resume", tags=["schedules"], request=ReasonBody, responses=ScheduleControlAnswer
    )
    def post(self, request: Request, schedule_id: str) -> Response:
        """Go on with the next time at which it is due."""
        ReasonBody.of_body(request)
        known_id = schedule_id_of(schedule_id)
        resumed = schedule_resume(principal=self.principal, schedule_id=known_id)
        message = "The schedule goes on." if resumed else "The schedule was not paused."
        return control_answer(known_id, changed=resumed, message=message)


class ScheduleRunListView(Endpoint):
    """The runs of a schedule."""

    required_scopes = {"GET": READ}
    queries = {"GET": PageNumberQuery}

    @extend_schema(
        operation_id="schedules_runs", tags=["schedules"], parameters=[PageNumberQuery], responses=ScheduleRunPageAnswer
    )
    def get(self, _request: Request, schedule_id: str) -> Response:
        """List the times at which it was due, newest first, with what became of them."""
        schedule = schedule_for(principal=self.principal, schedule_id=schedule_id_of(schedule_id))
        runs, total = runs_page(schedule_id=schedule.id, **PageNumberQuery.bounds(self.query))
        return Response(ScheduleRunPageAnswer({"runs": runs, "total_count": total}).data)
