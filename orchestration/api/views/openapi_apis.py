"""APIs of a tenant, imported from OpenAPI documents: their operations are tools of its agents."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.errors import OpenApiNotFound
from agents.selectors import openapi_api_for, openapi_apis
from agents.services import openapi_api_change, openapi_api_create, openapi_api_delete, openapi_api_refresh
from orchestration.api.endpoint import Endpoint
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.openapi_apis import (
    OpenApiAnswer,
    OpenApiBody,
    OpenApiChangeBody,
    OpenApiListAnswer,
)


def _api_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise OpenApiNotFound(details={"api_id": text[:100]}) from error


class ImportedApiListView(Endpoint):
    """All APIs."""

    required_scopes = {"GET": "tools:read", "POST": "tools:write"}

    @extend_schema(operation_id="openapi_apis_list", tags=["tools"], responses=OpenApiListAnswer)
    def get(self, _request: Request) -> Response:
        """List the tenant's APIs and what was imported of each."""
        return Response(OpenApiListAnswer({"apis": openapi_apis(principal=self.principal)}).data)

    @extend_schema(
        operation_id="openapi_apis_create",
        tags=["tools"],
        parameters=[IDEMPOTENCY_KEY],
        request=OpenApiBody,
        responses={201: OpenApiAnswer},
    )
    def post(self, request: Request) -> Response:
        """Import an API; the answer's `report` says what of it cannot be called."""
        body = OpenApiBody.of_body(request)
        named = {"principal": self.principal, "name": body.validated_data["name"]}
        api = self.once(
            "openapi-apis",
            body,
            create=lambda insert: openapi_api_create(**named, changes=body.changes, insert=insert),
            find=lambda api_id: openapi_api_for(principal=self.principal, api_id=api_id),
        )
        return Response(OpenApiAnswer(api).data, status=201)


class ImportedApiView(Endpoint):
    """One API."""

    required_scopes = {"GET": "tools:read", "PATCH": "tools:write", "DELETE": "tools:write"}

    @extend_schema(operation_id="openapi_apis_get", tags=["tools"], responses=OpenApiAnswer)
    def get(self, _request: Request, api_id: str) -> Response:
        """Get one API."""
        return Response(OpenApiAnswer(openapi_api_for(principal=self.principal, api_id=_api_id(api_id))).data)

    @extend_schema(
        operation_id="openapi_apis_change", tags=["tools"], request=OpenApiChangeBody, responses=OpenApiAnswer
    )
    def patch(self, request: Request, api_id: str) -> Response:
        """Change an API; its document is read again, and fetched again if its `url` is given."""
        changes = OpenApiChangeBody.of_body(request).changes
        api = openapi_api_change(principal=self.principal, api_id=_api_id(api_id), changes=changes)
        return Response(OpenApiAnswer(api).data)

    @extend_schema(operation_id="openapi_apis_delete", tags=["tools"], responses={204: None})
    def delete(self, _request: Request, api_id: str) -> Response:
        """Forget an API and its credentials."""
        openapi_api_delete(principal=self.principal, api_id=_api_id(api_id))
        return Response(status=204)


class ImportedApiRefreshView(Endpoint):
    """Fetching a document again."""

    required_scopes = {"POST": "tools:write"}

    @extend_schema(operation_id="openapi_apis_refresh", tags=["tools"], request=None, responses=OpenApiAnswer)
    def post(self, _request: Request, api_id: str) -> Response:
        """Fetch an API's document again; nothing changes when it cannot be had."""
        return Response(OpenApiAnswer(openapi_api_refresh(principal=self.principal, api_id=_api_id(api_id))).data)
