"""Bodies of requests: what a tool takes as `body`, and how it is written."""

import json
import mimetypes
import secrets
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, TypedDict

from agents.errors import ToolInputInvalid
from agents.tools.openapi.documents import Document, Unsupported, mapping
from agents.tools.openapi.schemas import SchemaReader
from agents.tools.openapi.styles import query_pairs

BODY: Final = "body"
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_FILE: Final = {"type": "string", "description": "Path of a file in the session's workspace; its content is sent."}
_FIELDS_MAX: Final = 500  # of a form
_PREFERRED: Final = ("application/json", _FORM, _MULTIPART)

ReadFile = Callable[[str], bytes]


class BodyRecord(TypedDict):
    """How a body is written. `files`: names of a form's fields that are files; `*`: the body itself is one."""

    media_type: str
    kind: str
    files: list[str]
    styles: dict[str, dict[str, Any]]


def body_record(
    document: Document, reader: SchemaReader, operation: Mapping[str, Any], schema: dict[str, Any]
) -> BodyRecord | None:
    """Return how an operation's body is written, and add it to the tool's schema; None: it takes none.

    Raises:
        Unsupported: It must be of a kind that cannot be written.
    """
    request = document.resolved(operation.get("requestBody"))
    content = request.get("content")
    if not isinstance(content, Mapping) or not content:
        return None
    media_type = _chosen(list(content))
    if media_type is None:
        if request.get("required") is True:
            raise Unsupported(f"Its body is written as {', '.join(content)[:200]}.")
        reader.notes.append(f"its body is left out, since it is written as {', '.join(content)[:200]}")
        return None
    media = document.resolved(content[media_type])
    kind = _kind(media_type)
    raw = document.resolved(media.get("schema"))
    record = BodyRecord(media_type=media_type if media_type != "*/*" else _PREFERRED[0], kind=kind, files=[], styles={})
    if kind == "bytes" or (kind == "text" and raw.get("format") == "binary"):
        record["kind"], record["files"] = "bytes", ["*"]
        schema["properties"][BODY] = dict(_FILE)
    else:
        shape = reader.read(media.get("schema") or {})
        if kind in {"form", "multipart"}:
            record["styles"] = _styles(media.get("encoding"))
            record["files"] = _file_fields(document, raw, shape)
            shape.setdefault("type", "object")
        elif kind == "text":
            shape = {"type": "string"}
        schema["properties"][BODY] = shape
    if request.get("required") is True:
        schema["required"].append(BODY)
    return record


def body_written(record: BodyRecord, value: Any, read_file: ReadFile) -> tuple[bytes, str]:
    """Return a body and its media type.

    Raises:
        ToolInputInvalid: A form's fields are no object, or a file is none (the model's fault).
    """
    if record["kind"] == "json":
        return json.dumps(value, ensure_ascii=False).encode(), record["media_type"]
    if record["kind"] == "text":
        return str(value).encode(), f"{record['media_type'].split(';')[0]}; charset=utf-8"
    if record["kind"] == "bytes":
        return read_file(str(value)), record["media_type"]
    if not isinstance(value, Mapping):
        raise ToolInputInvalid("body: the fields of a form are an object.")
    return _form(record, value) if record["kind"] == "form" else _multipart(record, value, read_file)


def _form(record: BodyRecord, fields: Mapping[str, Any]) -> tuple[bytes, str]:
    pairs = [
        pair
        for name, value in fields.items()
        for pair in query_pairs(name, value, **{"style": "form", "explode": True, **record["styles"].get(name, {})})
    ]
    return "&".join(f"{name}={value}" for name, value in pairs).encode(), _FORM


def _multipart(record: BodyRecord, fields: Mapping[str, Any], read_file: ReadFile) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    body = bytearray()
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'.encode()
            if name in record["files"]:
                file_name = str(item).rpartition("/")[2]
                kind = mimetypes.guess_type(file_name)[0] or "application/octet-stream"
                body += f'; filename="{_quoted(file_name)}"\r\nContent-Type: {kind}\r\n\r\n'.encode()
                body += read_file(str(item))
            elif isinstance(item, Mapping | list):
                body += b"\r\nContent-Type: application/json\r\n\r\n" + json.dumps(item, ensure_ascii=False).encode()
            else:
                text = ("true" if item else "false") if isinstance(item, bool) else "" if item is None else str(item)
                body += b"\r\n\r\n" + text.encode()
            body += b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return bytes(body), f"{_MULTIPART}; boundary={boundary}"


def _quoted(text: str) -> str:
    """Return a name for a part's head, as browsers write it (HTML, multipart/form-data encoding)."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _chosen(media_types: list[str]) -> str | None:
    for preferred in _PREFERRED:
        found = next((kind for kind in media_types if kind.split(";")[0].strip().lower() == preferred), None)
        if found:
            return found
    return next((kind for kind in media_types if _kind(kind)), None)


def _kind(media_type: str) -> str:
    kind = media_type.split(";", maxsplit=1)[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json") or kind == "*/*":
        return "json"
    if kind in {_FORM, _MULTIPART}:
        return "form" if kind == _FORM else "multipart"
    if kind == "application/octet-stream" or kind.startswith(("image/", "audio/", "video/")):
        return "bytes"
    return "text" if kind.startswith("text/") or kind.endswith(("xml", "yaml")) else ""


def _styles(encoding: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, raw in islice(mapping(encoding).items(), _FIELDS_MAX):
        one = mapping(raw)
        style = str(one.get("style"))
        if style in {"form", "spaceDelimited", "pipeDelimited", "deepObject"}:
            explode = one.get("explode")
            found[name] = {"style": style, "explode": explode if isinstance(explode, bool) else style == "form"}
    return found


def _file_fields(document: Document, raw: Mapping[str, Any], shape: dict[str, Any]) -> list[str]:
    """Return the fields that are files, and say in the schema that they are named by their path."""
    files = []
    for name, value in islice(mapping(raw.get("properties")).items(), _FIELDS_MAX):
        field = document.resolved(value)
        items = document.resolved(field.get("items")) if field.get("type") == "array" else {}
        if _is_file(field) or _is_file(items):
            files.append(name)
            kept = dict(_FILE) if _is_file(field) else {"type": "array", "items": dict(_FILE)}
            shape.setdefault("properties", {})[name] = kept
    return files


def _is_file(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    is_text = kind in (None, "string") or (isinstance(kind, list) and "string" in kind)
    by_3_1 = "contentMediaType" in schema and "contentEncoding" not in schema and is_text
    return schema.get("format") == "binary" or by_3_1
