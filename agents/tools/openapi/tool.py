"""One operation of an API, as a tool of the platform."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from agents.errors import ToolInputInvalid
from agents.tools.arguments import value_problem
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.openapi.bodies import BODY, body_written
from agents.tools.openapi.operations import OperationRecord, ParameterRecord
from agents.tools.openapi.security import Signature, Signer
from agents.tools.openapi.styles import header_value, path_value, query_pairs
from agents.types import ToolError
from sandbox.services import workspace_open
from shannon_project.foundation.outbound import OutboundResponse, fetch
from shannon_project.foundation.strict_json import json_read

_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_IDEMPOTENT: Final = _HARMLESS | {"PUT", "DELETE"}  # RFC 9110 §9.2.2
_TEXT_CHARACTERS: Final = 50_000
_ERROR_CHARACTERS: Final = 2_000
_LINK_MAX_CHARACTERS: Final = 8_000
_NEXT_KEYS: Final = ("next_cursor", "nextCursor", "next_page_token", "nextPageToken", "next_token", "nextToken", "next")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]*\Z")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}\Z")
_TEMPLATE: Final = re.compile(r"\{([^{}]+)\}")
_PAGED: Final = "\nIts answers may come in pages: `next_arguments` in an answer are those that change for the next one."


class OpenApiTool(Tool):
    """Calls one operation through the guard for outgoing requests. What may change something is dangerous."""

    category = "openapi"
    needs_network = True

    def __init__(self, *, record: OperationRecord, signer: Signer, is_trusted: bool, timeout_seconds: float) -> None:
        """Take what was imported.

        Args:
            record: The operation.
            signer: Who calls.
            is_trusted: The tenant says that it is not dangerous.
            timeout_seconds: Of one call.
        """
        self.name = record["tool"]
        self.description = record["description"] + (_PAGED if record["page_arguments"] else "")
        self.parameters = record["schema"]
        self.returns = record.get("returns", {})
        self.dangerous = record["method"] not in _HARMLESS and not is_trusted
        self.idempotent = record["method"] in _IDEMPOTENT
        self.timeout_seconds = timeout_seconds
        self._record = record
        self._signer = signer

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"status", "body"}`, or `"text"` for what is no JSON, and `next_arguments` where there is more.

        Documents are often not quite true: where a body is not as its document says, `problem` says so beside it.

        Raises:
            OpenApiCredentialsMissing: The API wants credentials that the tenant did not give.
            OutboundRefused, OutboundFailed: Its address may not or could not be reached.
        """
        response = self._asked(ctx, arguments)
        if response.status == 401 and self._signer.forget_tokens():
            response = self._asked(ctx, arguments)  # a token that was taken back before its time
        if response.status >= 400:
            return ToolOutput(error=_failure(response))
        output: dict[str, Any] = {"status": response.status, **_content(response)}
        if "body" in output and (problem := self._problem(output)):
            output["problem"] = f"The body is not as the API's document says: {problem}"
        following = self._next_arguments(response, output.get("body"), arguments)
        return ToolOutput({**output, "next_arguments": following} if following else output)

    def _problem(self, output: dict[str, Any]) -> str:
        return value_problem(self.returns, output) if self.returns else ""

    def _asked(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> OutboundResponse:
        record = self._record
        server = record["server"]
        signature = self._signer.sign(record["security"], server, timeout_seconds=ctx.timeout_seconds)
        headers = {"Accept": "application/json, */*;q=0.5", **self._headers(arguments, signature)}
        body = None
        if "body" in record and BODY in arguments:
            body, headers["Content-Type"] = body_written(
                record["body"], arguments[BODY], lambda path: _workspace_file(ctx, path)
            )
        if record["method"] not in _IDEMPOTENT and ctx.idempotency_key:
            headers.setdefault("Idempotency-Key", ctx.idempotency_key)
        return fetch(
            self._url(arguments, signature),
            method=record["method"],
            headers=headers,
            body=body,
            timeout_seconds=ctx.timeout_seconds,
            origin_headers=signature.secret_headers,
        )

    def _given(self, arguments: Mapping[str, Any], location: str) -> list[tuple[ParameterRecord, Any]]:
        """Return parameters of a place with their values; one in `content` is JSON text."""
        found = [p for p in self._record["parameters"] if p["location"] == location and p["argument"] in arguments]
        return [(p, _value(p, arguments[p["argument"]])) for p in found]

    def _url(self, arguments: Mapping[str, Any], signature: Signature) -> str:
        parts = {
            p["name"]: path_value(p["name"], value, style=p["style"], explode=p["explode"])
            for p, value in self._given(arguments, "path")
        }
        for name, text in parts.items():
            if text in {"", ".", ".."}:
                raise ToolInputInvalid(f"{name}: {text!r} cannot stand in a path.")
        path = _TEMPLATE.sub(lambda found: parts.get(found[1], found[0]), self._record["path"])
        pairs = [
            pair
            for p, value in self._given(arguments, "query")
            for pair in query_pairs(
                p["name"], value, style=p["style"], explode=p["explode"], allow_reserved=p["allow_reserved"]
            )
        ]
        query = "&".join(f"{name}={value}" for name, value in [*pairs, *signature.query])
        return f"{self._record['server']}{path}" + (f"?{query}" if query else "")

    def _headers(self, arguments: Mapping[str, Any], signature: Signature) -> dict[str, str]:
        headers = {
            p["name"]: header_value(value, explode=p["explode"]) for p, value in self._given(arguments, "header")
        }
        for name, value in headers.items():
            if not _HEADER_VALUE.match(value):
                raise ToolInputInvalid(f"{name}: a header's value is printable ASCII.")
        cookies = [
            pair
            for p, value in self._given(arguments, "cookie")
            for pair in query_pairs(p["name"], value, style=p["style"], explode=p["explode"])
        ]
        text = "; ".join(f"{name}={value}" for name, value in [*cookies, *signature.cookies])
        ours = {name.lower() for name in signature.headers}
        kept = {name: value for name, value in headers.items() if name.lower() not in ours}
        return {**kept, **signature.headers, **({"Cookie": text} if text else {})}

    def _next_arguments(self, response: OutboundResponse, body: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of the next page, from a Link header (RFC 8288) or what the answer says itself."""
        queried = {p["name"]: p for p in self._record["parameters"] if p["location"] == "query"}
        link = _next_link(response.headers.get("link", ""))
        said = next((body[key] for key in _NEXT_KEYS if body.get(key)), None) if isinstance(body, Mapping) else None
        url = link or (said if isinstance(said, str) and "?" in said else "")
        if url:
            changed = {
                queried[name]["argument"]: _as_argument(self.parameters, queried[name]["argument"], value)
                for name, value in parse_qsl(url.partition("#")[0].partition("?")[2])
                if name in queried
            }
            return {name: value for name, value in changed.items() if arguments.get(name) != value}
        paging = self._record["page_arguments"]
        return {paging[0]: said} if isinstance(said, str | int) and not isinstance(said, bool) and paging else {}


def _next_link(header: str) -> str:
    """Return the URL of the next page from a Link header; empty: it names none."""
    for part in header[:_LINK_MAX_CHARACTERS].split(","):
        url, closed, parameters = part.strip().removeprefix("<").partition(">")
        rels = {one.strip().lower().replace('"', "").replace(" ", "") for one in parameters.split(";")}
        if closed and "rel=next" in rels:
            return url
    return ""


def _value(parameter: ParameterRecord, value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if parameter["is_json"] else value


def _as_argument(schema: Mapping[str, Any], name: str, text: str) -> Any:
    kind = schema["properties"][name].get("type")
    return int(text) if kind == "integer" and _INTEGER.match(text) else text


def _workspace_file(ctx: ToolContext, path: str) -> bytes:
    return workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id).read(path)


def _content(response: OutboundResponse) -> dict[str, Any]:
    kind = response.media_type
    if not response.content:
        return {}
    if kind.endswith("json") or not kind:
        try:
            return {"body": json_read(response.content)}
        except (ValueError, RecursionError):
            return {"text": response.text[:_TEXT_CHARACTERS]}
    if kind.startswith("text/") or kind.endswith(("xml", "yaml", "javascript", "x-www-form-urlencoded")):
        return {"text": response.text[:_TEXT_CHARACTERS]}
    return {"media_type": kind, "bytes": len(response.content)}


def _failure(response: OutboundResponse) -> ToolError:
    details: dict[str, Any] = {"status": response.status}
    if "retry-after" in response.headers:
        details["retry_after"] = response.headers["retry-after"][:100]
    said = " ".join(response.text[:_ERROR_CHARACTERS].split())
    message = f"The API answered with status {response.status}" + (f": {said}" if said else ".")
    # who may not call, or calls what is not there to be called, does not get further by other arguments
    return ToolError("API_ERROR", message, final=response.status in {401, 403, 405, 501}, details=details)
