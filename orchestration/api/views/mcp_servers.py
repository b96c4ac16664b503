"""MCP servers of a tenant: whose tools its agents may call."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.errors import McpServerNotFound
from agents.selectors import mcp_server_for, mcp_servers
from agents.services import mcp_server_change, mcp_server_create, mcp_server_delete, mcp_server_refresh
from orchestration.api.endpoint import Endpoint
from orchestration.api.schema import IDEMPOTENCY_KEY
from orchestration.api.serializers.mcp_servers import (
    McpServerAnswer,
    McpServerBody,
    McpServerChangeBody,
    McpServerListAnswer,
)


def _server_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise McpServerNotFound(details={"server_id": text[:100]}) from error


class McpServerListView(Endpoint):
    """All servers."""

    required_scopes = {"GET": "tools:read", "POST": "tools:write"}

    @extend_schema(operation_id="mcp_servers_list", tags=["tools"], responses=McpServerListAnswer)
    def get(self, _request: Request) -> Response:
        """List the tenant's MCP servers and what each offers."""
        return Response(McpServerListAnswer({"servers": mcp_servers(principal=self.principal)}).data)

    @extend_schema(
        operation_id="mcp_servers_create",
        tags=["tools"],
        parameters=[IDEMPOTENCY_KEY],
        request=McpServerBody,
        responses={201: McpServerAnswer},
    )
    def post(self, request: Request) -> Response:
        """Register a server and ask it for its tools."""
        body = McpServerBody.of_body(request)
        named = {"principal": self.principal, "name": body.validated_data["name"]}
        server = self.once(
            "mcp-servers",
            body,
            create=lambda insert: mcp_server_create(**named, changes=body.changes, insert=insert),
            find=lambda server_id: mcp_server_for(principal=self.principal, server_id=server_id),
        )
        return Response(McpServerAnswer(server).data, status=201)


class McpServerView(Endpoint):
    """One server."""

    required_scopes = {"GET": "tools:read", "PATCH": "tools:write", "DELETE": "tools:write"}

    @extend_schema(operation_id="mcp_servers_get", tags=["tools"], responses=McpServerAnswer)
    def get(self, _request: Request, server_id: str) -> Response:
        """Get one server."""
        return Response(McpServerAnswer(mcp_server_for(principal=self.principal, server_id=_server_id(server_id))).data)

    @extend_schema(
        operation_id="mcp_servers_change", tags=["tools"], request=McpServerChangeBody, responses=McpServerAnswer
    )
    def patch(self, request: Request, server_id: str) -> Response:
        """Change a server; with another address or other headers it is asked for its tools again."""
        changes = McpServerChangeBody.of_body(request).changes
        server = mcp_server_change(principal=self.principal, server_id=_server_id(server_id), changes=changes)
        return Response(McpServerAnswer(server).data)

    @extend_schema(operation_id="mcp_servers_delete", tags=["tools"], responses={204: None})
    def delete(self, _request: Request, server_id: str) -> Response:
        """Forget a server and its credentials."""
        mcp_server_delete(principal=self.principal, server_id=_server_id(server_id))
        return Response(status=204)


class McpServerRefreshView(Endpoint):
    """Asking a server again."""

    required_scopes = {"POST": "tools:write"}

    @extend_schema(operation_id="mcp_servers_refresh", tags=["tools"], request=None, responses=McpServerAnswer)
    def post(self, _request: Request, server_id: str) -> Response:
        """Ask a server for its tools; what it offered before stays when it does not answer."""
        server = mcp_server_refresh(principal=self.principal, server_id=_server_id(server_id))
        return Response(McpServerAnswer(server).data)
