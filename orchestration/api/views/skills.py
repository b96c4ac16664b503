"""Skills: those of the installation, the same for every tenant, and the tenant's own, which it registers."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import skill_for, skill_from_row, skill_row_of, skill_versions, skills
from agents.services import skill_create, skill_delete, skill_switch
from orchestration.api.endpoint import Endpoint
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.skills import (
    SkillBody,
    SkillDetailAnswer,
    SkillListAnswer,
    SkillListQuery,
    SkillSwitchBody,
    SkillVersionsAnswer,
)


class SkillListView(Endpoint):
    """All skills."""

    required_scopes = {"GET": "tools:read", "POST": "tools:write"}
    queries = {"GET": SkillListQuery}

    @extend_schema(operation_id="skills_list", tags=["skills"], parameters=[SkillListQuery], responses=SkillListAnswer)
    def get(self, _request: Request) -> Response:
        """List the skills, all or of one category."""
        found = skills(self.query["category"], tenant_id=self.principal.tenant_id)
        return Response(SkillListAnswer({"skills": found}).data)

    @extend_schema(
        operation_id="skills_create",
        tags=["skills"],
        parameters=[IDEMPOTENCY_KEY],
        request=SkillBody,
        responses={201: SkillDetailAnswer},
    )
    def post(self, request: Request) -> Response:
        """Register a version of a skill; one of the installation's name and version takes its place for the tenant."""
        body = SkillBody.of_body(request)
        row = self.once(
            "skills",
            body,
            create=lambda insert: skill_create(principal=self.principal, **body.validated_data, insert=insert),
            find=lambda skill_id: skill_row_of(principal=self.principal, skill_id=skill_id),
        )
        return Response(SkillDetailAnswer({"skill": skill_from_row(row)}).data, status=201)


class SkillView(Endpoint):
    """One skill."""

    required_scopes = {"GET": "tools:read", "PATCH": "tools:write", "DELETE": "tools:write"}

    @extend_schema(operation_id="skills_get", tags=["skills"], responses=SkillDetailAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """Get a skill with its text: `name`, or `name@version`."""
        return Response(SkillDetailAnswer({"skill": skill_for(name, tenant_id=self.principal.tenant_id)}).data)

    @extend_schema(
        operation_id="skills_switch", tags=["skills"], request=SkillSwitchBody, responses=SkillVersionsAnswer
    )
    def patch(self, request: Request, name: str) -> Response:
        """Switch the tenant's own versions, or the one of `name@version`, on or off; answers with all versions."""
        is_active = SkillSwitchBody.of_body(request).validated_data["is_active"]
        skill_switch(principal=self.principal, name=name, is_active=is_active)
        found = skill_versions(name.partition("@")[0], tenant_id=self.principal.tenant_id)
        return Response(SkillVersionsAnswer({"versions": found}).data)

    @extend_schema(operation_id="skills_delete", tags=["skills"], responses={204: None})
    def delete(self, _request: Request, name: str) -> Response:
        """Delete the tenant's own versions, or the one of `name@version`."""
        skill_delete(principal=self.principal, name=name)
        return Response(status=204)


class SkillVersionsView(Endpoint):
    """The versions of a skill."""

    required_scopes = {"GET": "tools:read"}

    @extend_schema(operation_id="skills_versions", tags=["skills"], responses=SkillVersionsAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """List all versions of a skill."""
        found = skill_versions(name, tenant_id=self.principal.tenant_id)
        return Response(SkillVersionsAnswer({"versions": found}).data)
