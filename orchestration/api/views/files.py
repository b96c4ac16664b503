"""Files of a session's workspace, and a person's memory files."""

import base64
import mimetypes
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.selectors import session_for
from agents.services import session_open
from orchestration.api.downloads import file_response
from orchestration.api.endpoint import Endpoint
from orchestration.api.serializers.files import (
    FileAnswer,
    FileContentAnswer,
    FileDiffAnswer,
    FileDiffQuery,
    FileEditBody,
    FileListAnswer,
    FileListQuery,
    FileQuery,
    FileSearchAnswer,
    FileSearchQuery,
    FileWrittenAnswer,
    MemoryFileWrittenAnswer,
)
from sandbox.services import Workspace, memory_files_open, text_diff, text_edit, text_search, workspace_open
from shannon_project.foundation.bodies import BodyTooLarge

_PIECE_BYTES = 64 * 1024


def _upload_of(request: Request) -> Iterator[bytes]:
    """Yield the raw body in pieces.

    Raises:
        BodyTooLarge: It is larger than one file may be (the caller's fault).
    """
    limit, received = settings.SHANNON_UPLOAD_MAX_BYTES, 0
    while piece := request._request.read(_PIECE_BYTES):
        received += len(piece)
        if received > limit:
            raise BodyTooLarge(details={"max_bytes": limit})
        yield piece


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
    queries = {"GET": FileQuery}

    @extend_schema(operation_id="files_get", tags=["files"], parameters=[FileQuery], responses=FileContentAnswer)
    def get(self, request: Request, session_id: str, path: str) -> HttpResponseBase:
        """Read a file: as JSON, or with `raw=true` as it is, streamed and by ranges."""
        workspace = self.workspace(session_id)
        if self.query["raw"]:
            return file_response(request._request, path, workspace.open_file(path))
        return Response(_content(path, workspace.read(path)))

    @extend_schema(
        operation_id="files_put",
        tags=["files"],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=FileWrittenAnswer,
    )
    def put(self, request: Request, session_id: str, path: str) -> Response:
        """Write a file: the body is its content. A session name of your own that is new makes the session."""
        session = session_open(principal=self.principal, session_id=session_id)
        workspace = workspace_open(tenant_id=session.tenant_id, session_id=session.id)
        size_bytes = workspace.write_pieces(path, _upload_of(request))
        return Response({"success": True, "session_id": str(session.id), "path": path, "size_bytes": size_bytes})

    @extend_schema(operation_id="files_delete", tags=["files"], responses={204: None})
    def delete(self, _request: Request, session_id: str, path: str) -> Response:
        """Delete a file."""
        self.workspace(session_id).delete(path)
        return Response(status=204)


class FileSearchView(_WorkspaceEndpoint):
    """Search in the files of a session."""

    required_scopes = {"GET": "sessions:read"}
    queries = {"GET": FileSearchQuery}

    @extend_schema(
        operation_id="files_search", tags=["files"], parameters=[FileSearchQuery], responses=FileSearchAnswer
    )
    def get(self, _request: Request, session_id: str) -> Response:
        """Find the lines that contain a text."""
        found = text_search(self.workspace(session_id), **self.query)
        return Response({"success": True, **asdict(found)})


class FileEditView(_WorkspaceEndpoint):
    """Edit a file of a session."""

    required_scopes = {"POST": "sessions:write"}

    @extend_schema(operation_id="files_edit", tags=["files"], request=FileEditBody, responses=FileDiffAnswer)
    def post(self, request: Request, session_id: str) -> Response:
        """Replace a piece of a text file; answers what changed."""
        body = dict(FileEditBody.of_body(request).validated_data)
        diff = text_edit(self.workspace(session_id), body.pop("path"), **body)
        return Response({"success": True, "diff": diff})


class FileDiffView(_WorkspaceEndpoint):
    """Compare two files of a session."""

    required_scopes = {"GET": "sessions:read"}
    queries = {"GET": FileDiffQuery}

    @extend_schema(operation_id="files_diff", tags=["files"], parameters=[FileDiffQuery], responses=FileDiffAnswer)
    def get(self, _request: Request, session_id: str) -> Response:
        """Tell how one text file differs from another."""
        diff = text_diff(self.workspace(session_id), self.query["path"], self.query["other"])
        return Response({"success": True, "diff": diff})


class _MemoryEndpoint(Endpoint):
    def files(self) -> Workspace:
        """Open the memory files of who asks."""
        return memory_files_open(tenant_id=self.principal.tenant_id, user_id=self.principal.user_id)


class MemoryFileListView(_MemoryEndpoint):
    """The memory files of the person behind the key."""

    required_scopes = {"GET": "sessions:read"}
    queries = {"GET": FileListQuery}

    @extend_schema(
        operation_id="memory_files_list", tags=["memory"], parameters=[FileListQuery], responses=FileListAnswer
    )
    def get(self, _request: Request) -> Response:
        """List a folder of the memory files."""
        entries = self.files().list(self.query["path"])
        return Response({"success": True, "files": FileAnswer(entries, many=True).data})


class MemoryFileView(_MemoryEndpoint):
    """One memory file."""

    required_scopes = {"GET": "sessions:read", "PUT": "sessions:write", "DELETE": "sessions:write"}
    queries = {"GET": FileQuery}

    @extend_schema(
        operation_id="memory_files_get", tags=["memory"], parameters=[FileQuery], responses=FileContentAnswer
    )
    def get(self, request: Request, path: str) -> HttpResponseBase:
        """Read a memory file: as JSON, or with `raw=true` as it is, streamed and by ranges."""
        files = self.files()
        if self.query["raw"]:
            return file_response(request._request, path, files.open_file(path))
        return Response(_content(path, files.read(path)))

    @extend_schema(
        operation_id="memory_files_put",
        tags=["memory"],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=MemoryFileWrittenAnswer,
    )
    def put(self, request: Request, path: str) -> Response:
        """Write a memory file: the body is its content."""
        size_bytes = self.files().write_pieces(path, _upload_of(request))
        return Response({"success": True, "path": path, "size_bytes": size_bytes})

    @extend_schema(operation_id="memory_files_delete", tags=["memory"], responses={204: None})
    def delete(self, _request: Request, path: str) -> Response:
        """Delete a memory file."""
        self.files().delete(path)
        return Response(status=204)
