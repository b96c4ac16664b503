"""The operations of a document as records: what a tool of each takes, and how a request is made of it."""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NotRequired, TypedDict

from agents.journal.bounds import bounded_text
from agents.tools.openapi.answers import returns_of
from agents.tools.openapi.bodies import BODY, BodyRecord, body_record
from agents.tools.openapi.documents import Document, Unsupported, address_in, listed, mapping
from agents.tools.openapi.schemas import SchemaReader
from agents.tools.openapi.security import requirements_of
from agents.tools.openapi.styles import DEFAULT_STYLES, STYLES

METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")
_DESCRIPTION_CHARACTERS: Final = 1_500
_NAME_KEPT_CHARACTERS: Final = 300
_PARAMETER_NAME_CHARACTERS: Final = 200
_PARAMETERS_MAX: Final = 200
_NAME_MAX_CHARACTERS: Final = 64  # what providers take
_UNFIT: Final = re.compile(r"[^A-Za-z0-9]+")
_UNFIT_ARGUMENT: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_ARGUMENT_CHARACTERS: Final = 50
_PATH_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")
_IGNORED_HEADERS: Final = frozenset({"accept", "content-type", "authorization"})  # as the specification has it
_PAGE_PARAMETERS: Final = frozenset(
    {
        *("page", "page_number", "pagenumber", "offset", "skip", "start", "cursor", "after", "starting_after"),
        *("page_token", "pagetoken", "next_token", "nexttoken", "marker", "continuation_token"),
    }
)
_ADDRESS_MAX_CHARACTERS: Final = 2_000


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
    returns: NotRequired[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation of a document, and for which API it is read.

    Attributes:
        api: The API's name.
        server: The address to call; empty: the document's, which may be relative to `base_url`.
        path: Of the URL.
        method: In lower case.
        item: What the document says of the path.
        operation: What it says of the method there.
    """

    api: str
    server: str
    base_url: str
    path: str
    method: str
    item: Mapping[str, Any]
    operation: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the operation is called: by its document, or else by its method and path."""
        given = self.operation.get("operationId")
        return (given if isinstance(given, str) and given else f"{self.method} {self.path}")[:_NAME_KEPT_CHARACTERS]

    @property
    def tags(self) -> list[str]:
        """Under what it is found."""
        return [tag[:100] for tag in listed(self.operation.get("tags")) if isinstance(tag, str)]


def tool_name(api: str, operation: str) -> str:
    """Return a name that every provider takes; one that had to be cut ends with a digest, so it stays unique."""
    fit = f"api__{api}__{_UNFIT.sub('_', operation).strip('_') or 'operation'}"
    if len(fit) <= _NAME_MAX_CHARACTERS:
        return fit
    digest = hashlib.sha256(operation.encode()).hexdigest()[:8]
    return f"{fit[: _NAME_MAX_CHARACTERS - 9]}_{digest}"


def operation_record(document: Document, reader: SchemaReader, asked: Asked) -> OperationRecord:
    """Return what is kept of an operation.

    Raises:
        Unsupported: It cannot be made a tool; the message says why.
    """
    path, method, item, operation = asked.path, asked.method, asked.item, asked.operation
    if method not in METHODS:
        raise Unsupported(f"The method {method.upper()} is never sent.")
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    parameters = [_parameter(reader, raw, schema) for raw in _merged(document, item, operation, path)]
    record = OperationRecord(
        tool=tool_name(asked.api, asked.name),
        operation=asked.name,
        method=method.upper(),
        server=asked.server or _server(document, item, operation, asked.base_url),
        path=path,
        description=_description(method, path, operation),
        tags=asked.tags,
        parameters=parameters,
        schema=schema,
        security=requirements_of(document, operation),
        page_arguments=[p["argument"] for p in parameters if p["name"].lower().replace("-", "_") in _PAGE_PARAMETERS],
    )
    body = body_record(document, reader, operation, schema)
    if body is not None:
        record["body"] = body
    if returns := returns_of(document, operation):
        record["returns"] = returns
    if not schema["required"]:
        del schema["required"]
    return record


def _merged(
    document: Document, item: Mapping[str, Any], operation: Mapping[str, Any], path: str
) -> list[Mapping[str, Any]]:
    """Return an operation's parameters, its own in place of those of its path; each name in the path must have one."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    raws = [*listed(item.get("parameters")), *listed(operation.get("parameters"))]
    if len(raws) > _PARAMETERS_MAX or len(path) > _ADDRESS_MAX_CHARACTERS:
        raise Unsupported(f"It has {len(raws)} parameters, and a path of {len(path)} characters.")
    for raw in raws:
        parameter = document.resolved(raw)
        name, location = parameter.get("name"), str(parameter.get("in"))
        if not isinstance(name, str) or location not in STYLES:
            raise Unsupported(f"It has a parameter that is in no known place: {location[:50]}.")
        if len(name) > _PARAMETER_NAME_CHARACTERS:
            raise Unsupported(f"It has a parameter with a name of {len(name)} characters.")
        if location != "header" or name.lower() not in _IGNORED_HEADERS:
            found[name, location] = parameter
    for name in _PATH_PARAMETER.findall(path):
        found.setdefault((name, "path"), {"name": name, "in": "path", "schema": {"type": "string"}})
    return [parameter for (name, location), parameter in found.items() if location != "path" or f"{{{name}}}" in path]


def _parameter(reader: SchemaReader, parameter: Mapping[str, Any], schema: dict[str, Any]) -> ParameterRecord:
    name, location = parameter["name"], parameter["in"]
    style = str(parameter.get("style") or DEFAULT_STYLES[location])
    if style not in STYLES[location]:
        raise Unsupported(f"The parameter {name[:100]} is in the {location} with the style {style[:50]}.")
    content = mapping(parameter.get("content"))
    media_type = next(iter(content), "")
    if media_type and not _is_json(media_type):
        raise Unsupported(f"The parameter {name[:100]} is written as {media_type[:100]}.")
    raw = mapping(content[media_type]).get("schema") if media_type else parameter.get("schema")
    shape = reader.read(raw if raw is not None else {})
    if isinstance(parameter.get("description"), str) and "description" not in shape:
        shape["description"] = bounded_text(parameter["description"], 300)
    argument = _argument(name, location, {*schema["properties"], BODY})
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


def _argument(name: str, location: str, taken: Collection[str]) -> str:
    """Return what a parameter is called by models: not every provider takes brackets and long names."""
    fit = _UNFIT_ARGUMENT.sub("_", name).strip("_")[:_ARGUMENT_CHARACTERS] or location
    if fit in taken:
        fit = f"{fit}_{location}"
    while fit in taken:
        fit += "_"
    return fit


def _server(document: Document, item: Mapping[str, Any], operation: Mapping[str, Any], base_url: str) -> str:
    for holder in (operation, item, document.root):
        servers = listed(holder.get("servers"))
        if servers and isinstance(servers[0], Mapping):
            return _address(servers[0], base_url)
    return _address({"url": "/"}, base_url)


def _address(server: Mapping[str, Any], base_url: str) -> str:
    variables = mapping(server.get("variables"))
    defaults = {name: str(mapping(one).get("default", ""))[:200] for name, one in variables.items()}
    given = str(server.get("url") or "/")[:_ADDRESS_MAX_CHARACTERS]
    written = _PATH_PARAMETER.sub(lambda found: defaults.get(found[1], found[0]), given)
    url = address_in(written, base_url)
    if not url or len(url) > _ADDRESS_MAX_CHARACTERS:
        raise Unsupported("The document names no address of its server: give one as `server_url`.")
    return url.rstrip("/")


def _description(method: str, path: str, operation: Mapping[str, Any]) -> str:
    written = [operation.get(key) for key in ("summary", "description")]
    said = [text[: 2 * _DESCRIPTION_CHARACTERS].strip() for text in written if isinstance(text, str) and text]
    text = "\n".join(dict.fromkeys(said)) or f"{method.upper()} {path}"
    note = "Deprecated. " if operation.get("deprecated") is True else ""
    return bounded_text(note + text, _DESCRIPTION_CHARACTERS)


def _is_json(media_type: str) -> bool:
    kind = media_type.split(";", maxsplit=1)[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
