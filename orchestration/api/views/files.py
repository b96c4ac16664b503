"""Files of a session's workspace."""

import base64
import mimetypes
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import session_for
from agents.services import session_open
from orchestration.api.endpoint import Endpoint
from orchestration.api.http import BodyTooLarge
from orchestration.api.serializers.sessions import (
    FileAnswer,
    FileContentAnswer,
    FileListAnswer,
    FileListQuery,
    FileWrittenAnswer,
)
from sandbox.services import Workspace, workspace_open


def _upload_of(request: Request) -> bytes:
    """Return the raw body.

    Raises:
        BodyTooLarge: It is larger than one file may be (the caller's fault).
    """
    limit = settings.SHANNON_UPLOAD_MAX_BYTES
    data: bytes = request._request.read(limit + 1)
    if len(data) > limit:
        raise BodyTooLarge(details={"max_bytes": limit})
    return data


def _content(path: str, data: bytes) -> dict[str, Any]:
    """Return the body of a download: text when it is UTF-8, else base64."""
    content_type = mimetypes.guess_type(path)[0]
    try:
        text, encoding = data.decode(), "utf-8"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(data).decode(), "base64"
    fallback = "text/plain" if encoding == "utf-8" else "application/octet-stream"
    return {
        "success": True,
        "path": path,
        "name": PurePosixPath(path).name,
        "content": text,
        "content_type": content_type or fallback,
        "encoding": encoding,
        "size_bytes": len(data),
    }


class _WorkspaceEndpoint(Endpoint):
    def workspace(self, session_id: str) -> Workspace:
        """Open the workspace of a session that the principal may see."""
        session = session_for(principal=self.principal, session_id=session_id)
        return workspace_open(tenant_id=session.tenant_id, session_id=session.id)


class FileListView(_WorkspaceEndpoint):
    """The files of a session."""

    required_scopes = {"GET": "sessions:read"}
    queries = {"GET": FileListQuery}

    @extend_schema(operation_id="files_list", tags=["files"], parameters=[FileListQuery], responses=FileListAnswer)
    def get(self, _request: Request, session_id: str) -> Response:
        """List a folder of the workspace."""
        entries = self.workspace(session_id).list(self.query["path"])
        return Response({"success": True, "files": FileAnswer(entries, many=True).data})


class FileView(_WorkspaceEndpoint):
    """One file of a session."""

    required_scopes = {"GET": "sessions:read", "PUT": "sessions:write", "DELETE": "sessions:write"}

    @extend_schema(operation_id="files_get", tags=["files"], responses=FileContentAnswer)
    def get(self, _request: Request, session_id: str, path: str) -> Response:
        """Read a file."""
        data = self.workspace(session_id).read(path)
        return Response(_content(path, data))

    @extend_schema(
        operation_id="files_put",
        tags=["files"],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=FileWrittenAnswer,
    )
    def put(self, request: Request, session_id: str, path: str) -> Response:
        """Write a file: the body is its content. A session name of your own that is new makes the session."""
        data = _upload_of(request)
        session = session_open(principal=self.principal, session_id=session_id)
        workspace_open(tenant_id=session.tenant_id, session_id=session.id).write(path, data)
        return Response({"success": True, "session_id": str(session.id), "path": path, "size_bytes": len(data)})

    @extend_schema(operation_id="files_delete", tags=["files"], responses={204: None})
    def delete(self, _request: Request, session_id: str, path: str) -> Response:
        """Delete a file."""
        self.workspace(session_id).delete(path)
        return Response(status=204)
