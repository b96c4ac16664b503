"""Skills: list, get, versions. They are the installation's, the same for every tenant."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import skill_for, skill_versions, skills
from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.skills import (
    SkillDetailAnswer,
    SkillListAnswer,
    SkillListQuery,
    SkillVersionsAnswer,
)


class SkillListView(Endpoint):
    """All skills."""

    required_scopes = {"GET": "tools:read"}
    queries = {"GET": SkillListQuery}

    @extend_schema(operation_id="skills_list", tags=["skills"], parameters=[SkillListQuery], responses=SkillListAnswer)
    def get(self, _request: Request) -> Response:
        """List the skills, all or of one category."""
        return Response(SkillListAnswer({"skills": skills(self.query["category"])}).data)


class SkillView(Endpoint):
    """One skill."""

    required_scopes = {"GET": "tools:read"}

    @extend_schema(operation_id="skills_get", tags=["skills"], responses=SkillDetailAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """Get a skill with its text: `name`, or `name@version`."""
        return Response(SkillDetailAnswer({"skill": skill_for(name)}).data)


class SkillVersionsView(Endpoint):
    """The versions of a skill."""

    required_scopes = {"GET": "tools:read"}

    @extend_schema(operation_id="skills_versions", tags=["skills"], responses=SkillVersionsAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """List all versions of a skill."""
        return Response(SkillVersionsAnswer({"versions": skill_versions(name)}).data)
