"""The operations of a document as records: what a tool of each takes, and how a request is made of it."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NotRequired, TypedDict
from urllib.parse import urljoin, urlsplit

from agents.journal.bounds import bounded_text
from agents.tools.openapi.bodies import BodyRecord, body_record
from agents.tools.openapi.documents import Document, Unsupported
from agents.tools.openapi.schemas import SchemaReader
from agents.tools.openapi.security import requirements_of
from agents.tools.openapi.styles import DEFAULT_STYLES, STYLES

METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
_DESCRIPTION_CHARACTERS: Final = 1_500
_NAME_MAX_CHARACTERS: Final = 64  # what providers take
_UNFIT: Final = re.compile(r"[^A-Za-z0-9]+")
_PATH_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")
_IGNORED_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})  # as the specification has it
_PAGE_PARAMETERS: Final = frozenset(
    {
        *("page", "page_number", "pagenumber", "offset", "skip", "start", "cursor", "after", "starting_after"),
        *("page_token", "pagetoken", "next_token", "nexttoken", "marker", "continuation_token"),
    }
)
_REPORTED_MAX: Final = 200


class ParameterRecord(TypedDict):
    """One parameter: `argument` is what the tool calls it, `location` is path, query, header or cookie."""

    argument: str
    name: str
    location: str
    style: str
    explode: bool
    allow_reserved: bool
    is_json: bool


class OperationRecord(TypedDict):
    """What is kept of an operation."""

    tool: str
    operation: str
    method: str
    server: str
    path: str
    description: str
    tags: list[str]
    parameters: list[ParameterRecord]
    schema: dict[str, Any]
    security: list[list[str]]
    page_arguments: list[str]
    body: NotRequired[BodyRecord]


@dataclass(slots=True)
class Report:
    """What became of a document's operations, for whoever imported it."""

    operations: int = 0
    imported: int = 0
    filtered: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    simplified: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON; long lists are cut."""
        return {
            "operations": self.operations,
            "imported": self.imported,
            "filtered": self.filtered,
            "left_out": self.left_out[:_REPORTED_MAX],
            "simplified": self.simplified[:_REPORTED_MAX],
            "problems": self.problems[:_REPORTED_MAX],
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which operations are wanted: with one of these tags, or of these names; without either, all of them.

    `server`: the address to call in place of those in the document. `base_url`: where the document came from.
    """

    api: str
    tags: Sequence[str] = ()
    operations: Sequence[str] = ()
    server: str = ""
    base_url: str = ""
    limit: int = 128

    def takes(self, name: str, tags: Sequence[str]) -> bool:
        """Tell whether an operation is wanted."""
        if not self.tags and not self.operations:
            return True
        return name in self.operations or any(tag in self.tags for tag in tags)


def operations_read(document: Document, wanted: Wanted) -> tuple[list[OperationRecord], Report]:
    """Return the records of the wanted operations, in the document's order, and what became of all."""
    records: dict[str, OperationRecord] = {}
    report = Report()
    for path, method, item, operation in _operations(document):
        report.operations += 1
        name = _operation_name(method, path, operation)
        tags = [str(tag) for tag in operation.get("tags") or () if isinstance(tag, str)]
        if not wanted.takes(name, tags):
            report.filtered += 1
            continue
        if len(records) >= wanted.limit:
            report.left_out.append({"operation": name, "reason": f"At most {wanted.limit} operations are imported."})
            continue
        reader = SchemaReader(document)
        try:
            record = _record(document, reader, wanted, name, (path, method, item, operation))
        except Unsupported as error:
            report.left_out.append({"operation": name, "reason": str(error)})
            continue
        if record["tool"] in records:
            report.left_out.append({"operation": name, "reason": "Another operation has this name."})
            continue
        records[record["tool"]] = record
        if reader.simplified:
            report.simplified.append(name)
    report.imported = len(records)
    report.problems = sorted(document.problems)
    return list(records.values()), report


def _operations(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    for path, value in document.root["paths"].items():
        item = document.resolved(value)
        for method in METHODS:
            if isinstance(item.get(method), Mapping) and path.startswith("/"):
                yield path, method, item, item[method]


def _operation_name(method: str, path: str, operation: Mapping[str, Any]) -> str:
    given = operation.get("operationId")
    return given if isinstance(given, str) and given else f"{method} {path}"


def tool_name(api: str, operation: str) -> str:
    """Return a name that every provider takes; one that had to be cut ends with a digest, so it stays unique."""
    fit = f"api__{api}__{_UNFIT.sub('_', operation).strip('_') or 'operation'}"
    if len(fit) <= _NAME_MAX_CHARACTERS:
        return fit
    digest = hashlib.sha256(operation.encode()).hexdigest()[:8]
    return f"{fit[: _NAME_MAX_CHARACTERS - 9]}_{digest}"


def _record(
    document: Document,
    reader: SchemaReader,
    wanted: Wanted,
    name: str,
    found: tuple[str, str, Mapping[str, Any], Mapping[str, Any]],
) -> OperationRecord:
    path, method, item, operation = found
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    parameters = [_parameter(reader, raw, schema) for raw in _merged(document, item, operation, path)]
    record = OperationRecord(
        tool=tool_name(wanted.api, name),
        operation=name[:300],
        method=method.upper(),
        server=wanted.server or _server(document, item, operation, wanted.base_url),
        path=path,
        description=_description(method, path, operation),
        tags=[str(tag)[:100] for tag in operation.get("tags") or ()],
        parameters=parameters,
        schema=schema,
        security=requirements_of(document, operation),
        page_arguments=[p["argument"] for p in parameters if p["name"].lower().replace("-", "_") in _PAGE_PARAMETERS],
    )
    body = body_record(document, reader, operation, schema)
    if body is not None:
        record["body"] = body
    if not schema["required"]:
        del schema["required"]
    return record


def _merged(
    document: Document, item: Mapping[str, Any], operation: Mapping[str, Any], path: str
) -> list[Mapping[str, Any]]:
    """Return an operation's parameters, its own in place of those of its path; each name in the path must have one."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for raw in (*(item.get("parameters") or ()), *(operation.get("parameters") or ())):
        parameter = document.resolved(raw)
        name, location = parameter.get("name"), parameter.get("in")
        if not isinstance(name, str) or location not in STYLES:
            raise Unsupported(f"It has a parameter that is in no known place: {str(location)[:50]}.")
        if location != "header" or name.lower() not in _IGNORED_HEADERS:
            found[name, str(location)] = parameter
    for name in _PATH_PARAMETER.findall(path):
        found.setdefault((name, "path"), {"name": name, "in": "path", "schema": {"type": "string"}})
    return [parameter for (name, location), parameter in found.items() if location != "path" or f"{{{name}}}" in path]


def _parameter(reader: SchemaReader, parameter: Mapping[str, Any], schema: dict[str, Any]) -> ParameterRecord:
    name, location = parameter["name"], parameter["in"]
    style = parameter.get("style") or DEFAULT_STYLES[location]
    if style not in STYLES[location]:
        raise Unsupported(f"The parameter {name[:100]} is in the {location} with the style {str(style)[:50]}.")
    content = parameter.get("content")
    media_type = next(iter(content), "") if isinstance(content, Mapping) else ""
    if media_type and not _is_json(media_type):
        raise Unsupported(f"The parameter {name[:100]} is written as {media_type[:100]}.")
    raw = content[media_type].get("schema") if media_type and isinstance(content, Mapping) else parameter.get("schema")
    shape = reader.read(raw if raw is not None else {})
    if isinstance(parameter.get("description"), str) and "description" not in shape:
        shape["description"] = bounded_text(parameter["description"], 300)
    argument = name if name not in schema["properties"] and name != "body" else f"{name}_{location}"
    schema["properties"][argument] = shape
    if location == "path" or parameter.get("required") is True:
        schema["required"].append(argument)
    return ParameterRecord(
        argument=argument,
        name=name,
        location=location,
        style=style,
        explode=parameter["explode"] if isinstance(parameter.get("explode"), bool) else style == "form",
        allow_reserved=parameter.get("allowReserved") is True,
        is_json=bool(media_type),
    )


def _server(document: Document, item: Mapping[str, Any], operation: Mapping[str, Any], base_url: str) -> str:
    for holder in (operation, item, document.root):
        servers = holder.get("servers")
        if isinstance(servers, list) and servers and isinstance(servers[0], Mapping):
            return _address(servers[0], base_url)
    return _address({"url": "/"}, base_url)


def _address(server: Mapping[str, Any], base_url: str) -> str:
    url = str(server.get("url") or "/")
    variables = server.get("variables")
    for name, variable in variables.items() if isinstance(variables, Mapping) else ():
        if isinstance(variable, Mapping):
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    url = urljoin(base_url, url) if base_url else url
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Unsupported("The document names no address of its server: give one as `server_url`.")
    return url.rstrip("/")


def _description(method: str, path: str, operation: Mapping[str, Any]) -> str:
    said = [str(operation[key]).strip() for key in ("summary", "description") if operation.get(key)]
    text = "\n".join(dict.fromkeys(said)) or f"{method.upper()} {path}"
    note = "Deprecated. " if operation.get("deprecated") is True else ""
    return bounded_text(note + text, _DESCRIPTION_CHARACTERS)


def _is_json(media_type: str) -> bool:
    kind = media_type.split(";", maxsplit=1)[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
