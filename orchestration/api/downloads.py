"""Files over HTTP as they are: streamed, by ranges, and never as something that a browser would run."""

import asyncio
import mimetypes
import os
import re
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import BinaryIO

from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from orchestration.api.http import RangeNotSatisfiable

# What a browser shows without running anything of it; all else is bytes. No HTML, no SVG, no XML.
_INERT = {
    "application/json",
    "application/pdf",
    "audio/mpeg",
    "audio/wav",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
    "video/mp4",
}
_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_response(request: HttpRequest, path: str, file: BinaryIO) -> StreamingHttpResponse:
    """Return a file, or the part of it that the `Range` header asks for.

    Args:
        request: The request.
        path: The file's path; its name goes into `Content-Disposition`.
        file: The file, opened; closed when the last piece was sent or the client is gone.

    Raises:
        RangeNotSatisfiable: The range begins behind the file's end.
    """
    size_bytes = os.fstat(file.fileno()).st_size
    try:
        span = _range_of(request.headers.get("Range", ""), size_bytes)
    except RangeNotSatisfiable:
        file.close()
        raise
    start, end = span or (0, size_bytes)
    response = StreamingHttpResponse(_pieces(file, start, end), status=206 if span else 200)
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    response["Content-Type"] = guessed if guessed in _INERT else "application/octet-stream"
    response["Content-Length"] = str(end - start)
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Content-Disposition"] = content_disposition_header(True, PurePosixPath(path).name) or "attachment"
    if span:
        response["Content-Range"] = f"bytes {start}-{end - 1}/{size_bytes}"
    return response


async def _pieces(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    """Read in a thread, one piece at a time: Django would collect a plain iterator before it sent its first byte."""
    try:
        file.seek(start)
        left = end - start
        while left > 0 and (piece := await asyncio.to_thread(file.read, min(left, _PIECE_BYTES))):
            left -= len(piece)
            yield piece
    finally:
        file.close()


def _range_of(header: str, size_bytes: int) -> tuple[int, int] | None:
    """Return first byte and the one behind the last; None for the whole file.

    Several ranges, and what is no range of bytes, get the whole file, as RFC 9110 (section 14.2) allows.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:  # the last so many bytes
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < int(first):
            return None
    if start >= size_bytes or start >= end:
        raise RangeNotSatisfiable(details={"size_bytes": size_bytes})
    return start, end
