"""The review of a task's plan."""

import re
from typing import Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.reviews import APPROVE, ReviewAnswer, ReviewBody
from orchestration.api.views.tasks import task_id_of
from orchestration.reviews import ReviewState, review_approve, review_feedback, review_state
from policy.errors import ScopeMissing
from shannon_project.foundation.errors import InvalidInput

DECIDE: Final = "approvals:write"
_VERSION: Final = re.compile(r'^(?:W/)?"?(\d{1,9})"?\Z')
IF_MATCH: Final = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The version that you have seen, or `*`."
)


class TaskReviewView(Endpoint):
    """Look at a plan, and say what you think of it."""

    required_scopes = {"GET": "tasks:read", "POST": "tasks:write"}

    @extend_schema(operation_id="tasks_review", tags=["tasks"], responses=ReviewAnswer)
    def get(self, _request: Request, task_id: str) -> Response:
        """Tell how the review stands; the header ETag has its version."""
        return _answer(review_state(principal=self.principal, task_id=task_id_of(task_id)))

    @extend_schema(
        operation_id="tasks_review_answer",
        tags=["tasks"],
        parameters=[IF_MATCH],
        request=ReviewBody,
        responses=ReviewAnswer,
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Approve the plan, or say what is wrong: then the planner plans again. 409 when it is another version."""
        body = ReviewBody.of_body(request).validated_data
        version, known_id = _version_of(request), task_id_of(task_id)
        if body["action"] == APPROVE:
            if not self.principal.has_scope(DECIDE):
                raise ScopeMissing(f"Approving needs the scope {DECIDE}.", details={"required": DECIDE})
            return _answer(review_approve(principal=self.principal, task_id=known_id, version=version))
        message = body["message"]
        return _answer(review_feedback(principal=self.principal, task_id=known_id, message=message, version=version))


def _answer(state: ReviewState) -> Response:
    return Response(ReviewAnswer(state).data, headers={"ETag": f'"{state.version}"'})


def _version_of(request: Request) -> int | None:
    """Return the version in `If-Match`, or None.

    Raises:
        InvalidInput: It is no version (the caller's fault).
    """
    text = request.headers.get("If-Match", "*").strip()
    if text == "*":
        return None
    if (found := _VERSION.match(text)) is None:
        raise InvalidInput("The header If-Match must be a version of the review, or *.")
    return int(found.group(1))
