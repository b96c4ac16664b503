"""What waits for people, and their decisions."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.http import uuid_of
from orchestration.api.serializers.approvals import (
    ApprovalListQuery,
    ApprovalPageAnswer,
    DecisionAnswer,
    DecisionBody,
)
from orchestration.approvals import approval_decide
from orchestration.errors import ApprovalNotFound
from orchestration.selectors import approvals_page
from shannon_project.foundation.errors import InvalidInput


class ApprovalListView(Endpoint):
    """Questions to people."""

    required_scopes = {"GET": "tasks:read"}
    queries = {"GET": ApprovalListQuery}

    @extend_schema(
        operation_id="approvals_list", tags=["approvals"], parameters=[ApprovalListQuery], responses=ApprovalPageAnswer
    )
    def get(self, _request: Request) -> Response:
        """List what waits for people, newest first; `status` lists what was decided."""
        approvals, total = approvals_page(principal=self.principal, **self.query)
        return Response(ApprovalPageAnswer({"approvals": approvals, "total_count": total}).data)


class ApprovalDecisionView(Endpoint):
    """Deciding."""

    required_scopes = {"POST": "approvals:write"}

    @extend_schema(operation_id="approvals_decide", tags=["approvals"], request=DecisionBody, responses=DecisionAnswer)
    def post(self, request: Request) -> Response:
        """Approve or deny; what waited for it goes on at once."""
        body = DecisionBody.of_body(request).validated_data
        approval_id, task_id = uuid_of(body["approval_id"]), uuid_of(body["workflow_id"])
        if approval_id is None or task_id is None:
            raise ApprovalNotFound
        if body["run_id"] and body["run_id"] != str(task_id):
            raise InvalidInput("run_id: a task has one run, whose id is its workflow_id.")
        approval = approval_decide(
            principal=self.principal,
            approval_id=approval_id,
            task_id=task_id,
            approved=body["approved"],
            feedback=body["feedback"] or "",
            modified_action=body["modified_action"],
        )
        answer = {
            "success": True,
            "status": approval.status,
            "approval_id": approval_id,
            "workflow_id": task_id,
            "run_id": task_id,
            "message": f"It is {approval.status}.",
        }
        return Response(DecisionAnswer(answer).data)
