"""Roles: the shipped ones, and the tenant's own, which it makes and changes."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.errors import RoleNotFound
from agents.models import AgentRole
from agents.selectors import role_from_row, role_row_of, role_rows, roles_of
from agents.services import role_change, role_create, role_delete
from orchestration.api.endpoint import Endpoint
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.roles import NamedRole, RoleAnswer, RoleBody, RoleChangeBody, RoleListAnswer
from policy.types import Principal


def roles_known(principal: Principal) -> dict[str, NamedRole]:
    """Return every role of a tenant by name, its own also while they are switched off."""
    shipped = {name: NamedRole(name, role, is_own=False) for name, role in roles_of(None).items()}
    own = {row.name: _own(row) for row in role_rows(principal=principal)}
    return dict(sorted({**shipped, **own}.items()))


def _own(row: AgentRole) -> NamedRole:
    return NamedRole(row.name, role_from_row(row), is_own=True, is_active=row.is_active)


class RoleListView(Endpoint):
    """All roles."""

    required_scopes = {"GET": "tools:read", "POST": "tools:write"}

    @extend_schema(operation_id="roles_list", tags=["agents"], responses=RoleListAnswer)
    def get(self, _request: Request) -> Response:
        """List the roles that agents may have."""
        return Response(RoleListAnswer({"roles": list(roles_known(self.principal).values())}).data)

    @extend_schema(
        operation_id="roles_create",
        tags=["agents"],
        parameters=[IDEMPOTENCY_KEY],
        request=RoleBody,
        responses={201: RoleAnswer},
    )
    def post(self, request: Request) -> Response:
        """Make a role; one with the name of a shipped role takes its place."""
        body = RoleBody.of_body(request)
        named = {"principal": self.principal, "name": body.validated_data["name"]}
        row = self.once(
            "roles",
            body,
            create=lambda insert: role_create(**named, changes=body.changes, insert=insert),
            find=lambda role_id: role_row_of(principal=self.principal, role_id=role_id),
        )
        return Response(RoleAnswer(_own(row)).data, status=201)


class RoleView(Endpoint):
    """One role."""

    required_scopes = {"GET": "tools:read", "PATCH": "tools:write", "DELETE": "tools:write"}

    @extend_schema(operation_id="roles_get", tags=["agents"], responses=RoleAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """Get one role."""
        known = roles_known(self.principal)
        if name not in known:
            raise RoleNotFound(details={"name": name[:100]})
        return Response(RoleAnswer(known[name]).data)

    @extend_schema(operation_id="roles_change", tags=["agents"], request=RoleChangeBody, responses=RoleAnswer)
    def patch(self, request: Request, name: str) -> Response:
        """Change one of the tenant's own roles; steps that have begun keep what they began with."""
        changes = RoleChangeBody.of_body(request).changes
        return Response(RoleAnswer(_own(role_change(principal=self.principal, name=name, changes=changes))).data)

    @extend_schema(operation_id="roles_delete", tags=["agents"], responses={204: None})
    def delete(self, _request: Request, name: str) -> Response:
        """Delete one of the tenant's own roles."""
        role_delete(principal=self.principal, name=name)
        return Response(status=204)
