"""Templates: list, get, save a version, and try one without running it."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import roles_of
from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.templates import (
    DryRunAnswer,
    DryRunBody,
    TemplateAnswer,
    TemplateBody,
    TemplateListAnswer,
    TemplateQuery,
)
from orchestration.strategies.workflow import Workflow
from orchestration.workflows.estimate import dry_run
from orchestration.workflows.service import (
    template_delete,
    template_for,
    template_prepare,
    template_save,
    templates_listed,
)


class TemplateListView(Endpoint):
    """The templates that a tenant may use."""

    required_scopes = {"GET": "tasks:read", "POST": "tasks:write"}

    @extend_schema(operation_id="templates_list", tags=["templates"], responses=TemplateListAnswer)
    def get(self, _request: Request) -> Response:
        """List the latest version of each template: the tenant's own, and the platform's."""
        return Response(TemplateListAnswer({"templates": templates_listed(principal=self.principal)}).data)

    @extend_schema(operation_id="templates_save", tags=["templates"], request=TemplateBody, responses=TemplateAnswer)
    def post(self, request: Request) -> Response:
        """Save a template as the next version of its name; one that is unchanged stays as it is."""
        text = TemplateBody.of_body(request).validated_data["source"]
        who = self.principal
        row, is_new = template_save(tenant_id=who.tenant_id, text=text, origin=who.user_id, file="source")
        return Response(TemplateAnswer(row).data, status=201 if is_new else 200)


class TemplateView(Endpoint):
    """One template."""

    required_scopes = {"GET": "tasks:read", "DELETE": "tasks:write"}
    queries = {"GET": TemplateQuery}

    @extend_schema(
        operation_id="templates_get", tags=["templates"], parameters=[TemplateQuery], responses=TemplateAnswer
    )
    def get(self, _request: Request, name: str) -> Response:
        """Return a version with its source, graph and worst case."""
        row = template_for(principal=self.principal, name=name, version=self.query["version"])
        return Response(TemplateAnswer(row).data)

    @extend_schema(operation_id="templates_delete", tags=["templates"], responses={204: None})
    def delete(self, _request: Request, name: str) -> Response:
        """Delete the tenant's own template with all its versions; tasks that carry it out go on with their copy."""
        template_delete(principal=self.principal, name=name)
        return Response(status=204)


class TemplateDryRunView(Endpoint):
    """What a run would do."""

    required_scopes = {"POST": "tasks:read"}

    @extend_schema(operation_id="templates_dry_run", tags=["templates"], request=DryRunBody, responses=DryRunAnswer)
    def post(self, request: Request, name: str) -> Response:
        """Check inputs and return the graph and the worst case; nothing is run."""
        body = DryRunBody.of_body(request).validated_data
        version = body["version"]
        reference = name if version is None else f"{name}@{version}"
        prepared = template_prepare(principal=self.principal, reference=reference, inputs=body["inputs"])
        workflow, roles = Workflow.model_validate(prepared.pop("workflow")), roles_of(self.principal.tenant_id)
        graph = dry_run(workflow, prepared["inputs"], roles=roles)
        return Response(DryRunAnswer({**prepared, "graph": graph}).data)
