"""WASM modules of a tenant: what its agents may run beside Python and JavaScript."""

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.modules import ModuleAnswer, ModuleListAnswer, ModuleUploadQuery
from sandbox.selectors import module_for, modules_of
from sandbox.services import module_delete, module_upload
from shannon_project.foundation.bodies import BodyTooLarge


class ModuleListView(Endpoint):
    """All modules."""

    required_scopes = {"GET": "tools:read"}

    @extend_schema(operation_id="modules_list", tags=["tools"], responses=ModuleListAnswer)
    def get(self, _request: Request) -> Response:
        """List the tenant's modules."""
        return Response(ModuleListAnswer({"modules": modules_of(tenant_id=self.principal.tenant_id)}).data)


class ModuleView(Endpoint):
    """One module."""

    required_scopes = {"GET": "tools:read", "PUT": "tools:write", "DELETE": "tools:write"}
    queries = {"PUT": ModuleUploadQuery}

    @extend_schema(operation_id="modules_get", tags=["tools"], responses=ModuleAnswer)
    def get(self, _request: Request, name: str) -> Response:
        """Get what is known of a module."""
        return Response(ModuleAnswer(module_for(tenant_id=self.principal.tenant_id, name=name)).data)

    @extend_schema(
        operation_id="modules_put",
        tags=["tools"],
        parameters=[ModuleUploadQuery],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=ModuleAnswer,
    )
    def put(self, request: Request, name: str) -> Response:
        """Upload a module: the body is a WASI command. It is checked before it is kept, and refused with the reason."""
        limit = settings.SHANNON_SANDBOX_MODULE_MAX_BYTES
        content: bytes = request._request.read(limit + 1)
        if len(content) > limit:
            raise BodyTooLarge(details={"max_bytes": limit})
        capabilities = self.query["capabilities"]
        module = module_upload(
            tenant_id=self.principal.tenant_id,
            name=name,
            content=content,
            sha256=self.query["sha256"],
            capabilities=None if capabilities is None else [part for part in capabilities.split(",") if part],
            description=self.query["description"],
            actor=self.principal.actor,
        )
        return Response(ModuleAnswer(module).data)

    @extend_schema(operation_id="modules_delete", tags=["tools"], responses={204: None})
    def delete(self, _request: Request, name: str) -> Response:
        """Delete a module."""
        module_delete(tenant_id=self.principal.tenant_id, name=name)
        return Response(status=204)
