"""An OpenAPI document: from text to plain JSON, within bounds, and from `$ref` to what it names.

Nothing is fetched for a reference: only those inside the document are followed.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlsplit

import yaml

from agents.errors import OpenApiInvalid
from shannon_project.foundation.text import storable_text

_NODES_MAX: Final = 1_000_000  # values of a document, each counted as often as it is written or referred to by an alias
_DEPTH_MAX: Final = 100
_CHAIN_MAX: Final = 20  # references that lead to references
_INTEGER_BITS_MAX: Final = 1_024  # more than any API counts to, and few enough to be written in decimal digits
_VERSIONS: Final = ("3.0", "3.1")
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unsupported(Exception):
    """An operation cannot be made a tool; the message says why."""


@dataclass(slots=True)
class Document:
    """A document as plain JSON values; `problems` are references that lead nowhere."""

    root: Mapping[str, Any]
    problems: set[str] = field(default_factory=set)

    @property
    def is_3_0(self) -> bool:
        """Whether its schemas are OpenAPI's own dialect rather than JSON Schema 2020-12."""
        return str(self.root["openapi"]).startswith("3.0")

    def resolved(self, value: Any) -> Mapping[str, Any]:
        """Return what a value is, or what its `$ref` names; `{}` where that is nothing."""
        for _ in range(_CHAIN_MAX):
            if not isinstance(value, Mapping):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            value = self.at(reference)
        self.problems.add("a chain of references without end")
        return {}

    def at(self, reference: str) -> Any:
        """Return the value that a reference names; None: there is none, or it is in another document."""
        if not reference.startswith("#/"):
            self.problems.add(f"a reference to another document: {reference[:200]}")
            return None
        value: Any = self.root
        for part in reference[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, Mapping) else None
            if value is None:
                self.problems.add(f"a reference to nothing: {reference[:200]}")
                return None
        return value


def listed(value: Any) -> list[Any]:
    """Return a value that should be a list; an empty one in place of what is none."""
    return value if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a value that should be an object; an empty one in place of what is none."""
    return value if isinstance(value, Mapping) else {}


def address_in(written: str, base_url: str) -> str:
    """Return the address that a document writes, which may be relative to its own; empty: it is none of HTTP's."""
    try:
        url = urljoin(base_url, written)
        parts = urlsplit(url)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    return url if is_one else ""


def document_read(text: str) -> Document:
    """Read a document of OpenAPI 3.0 or 3.1, in JSON or YAML.

    Raises:
        OpenApiInvalid: It is none, or too large, or nested too deep (the caller's fault).
    """
    root = _plain(_parsed(text), [_NODES_MAX], _DEPTH_MAX)
    if not isinstance(root, dict):
        raise OpenApiInvalid("The document is no object.")
    version = str(root.get("openapi", ""))
    if not version.startswith(_VERSIONS):
        said = version or ("swagger " + str(root["swagger"]) if "swagger" in root else "none")
        raise OpenApiInvalid(f"OpenAPI 3.0 and 3.1 can be imported; this document says its version is {said[:40]}.")
    if not isinstance(root.get("paths"), dict):
        raise OpenApiInvalid("The document has no `paths`.")
    root["openapi"] = version
    return Document(root)


def _parsed(text: str) -> Any:
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        _nesting_check(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, the fast one where there is one
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise OpenApiInvalid(f"The document is neither JSON nor YAML: {str(error)[:200]}") from error


def _nesting_check(text: str) -> None:
    """Refuse what would cost the loader too much, before it is loaded.

    It recurses on the stack of the process, and copies what merge keys name as often as they name it.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            raise OpenApiInvalid("The document uses merge keys (`<<`), which unfold without bound; write it without.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH_MAX:
                raise OpenApiInvalid(f"The document is nested deeper than {_DEPTH_MAX} levels.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _plain(value: Any, left: list[int], depth: int) -> Any:
    """Return a copy that is a tree of JSON values as Postgres keeps them.

    YAML has aliases, which unfold without bound, and other types; both have numbers and characters that JSON has not.
    """
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        raise OpenApiInvalid(f"The document has more than {_NODES_MAX} values, or is nested deeper than {_DEPTH_MAX}.")
    if isinstance(value, dict):
        return {storable_text(str(key)): _plain(item, left, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item, left, depth - 1) for item in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if value.bit_length() <= _INTEGER_BITS_MAX else None
    return None if value is None else storable_text(str(value))
