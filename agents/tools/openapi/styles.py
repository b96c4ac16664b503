"""How the value of a parameter is written into a request: the styles of OpenAPI 3.1 §4.8.12.2, which are RFC 6570's.

Pure. What is written is percent-encoded already, except in headers.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

UNRESERVED: Final = "-._~"
_RESERVED: Final = UNRESERVED + ":/?#[]@!$&'()*+,;="
DEFAULT_STYLES: Final = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
STYLES: Final = {
    "path": frozenset({"simple", "label", "matrix"}),
    "query": frozenset({"form", "spaceDelimited", "pipeDelimited", "deepObject"}),
    "header": frozenset({"simple"}),
    "cookie": frozenset({"form"}),
}
_DELIMITERS: Final = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


def path_value(name: str, value: Any, *, style: str, explode: bool) -> str:
    """Return what stands in the path in place of `{name}`."""
    joint, prefix = {"simple": (",", ""), "label": (".", "."), "matrix": (";", ";")}[style]
    if not isinstance(value, list | Mapping):
        text = _encoded(value)
        return f";{name}={text}" if style == "matrix" else prefix + text
    items = _items(value, pairs=explode)
    if style == "matrix":
        if not explode:
            return f";{name}={','.join(items)}"
        return "".join(f";{name}={item}" for item in items) if isinstance(value, list) else ";" + ";".join(items)
    if style == "label" and not explode:
        joint = ","
    return prefix + joint.join(items)


def query_pairs(
    name: str, value: Any, *, style: str = "form", explode: bool = True, allow_reserved: bool = False
) -> list[tuple[str, str]]:
    """Return the encoded names and values that a parameter adds to the query, a form, or a cookie."""
    safe = _RESERVED if allow_reserved else UNRESERVED
    key = quote(name, safe="[]" + UNRESERVED)
    if style == "deepObject" and isinstance(value, Mapping):
        return _deep(key, value, safe)
    if isinstance(value, list):
        items = [_encoded(item, safe) for item in value]
        return [(key, item) for item in items] if explode else [(key, _DELIMITERS.get(style, ",").join(items))]
    if isinstance(value, Mapping):
        if explode:
            return [(quote(str(inner), safe=UNRESERVED), _encoded(item, safe)) for inner, item in value.items()]
        return [(key, _DELIMITERS.get(style, ",").join(_items(value, pairs=False, safe=safe)))]
    return [(key, _encoded(value, safe))]


def header_value(value: Any, *, explode: bool) -> str:
    """Return the value of a header; it has no line breaks."""
    if isinstance(value, list):
        text = ",".join(_text(item) for item in value)
    elif isinstance(value, Mapping):
        joint = "=" if explode else ","
        text = ",".join(f"{name}{joint}{_text(item)}" for name, item in value.items())
    else:
        text = _text(value)
    return " ".join(text.split())


def _deep(key: str, value: Mapping[str, Any], safe: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, item in value.items():
        inner = f"{key}[{quote(str(name), safe=UNRESERVED)}]"
        if isinstance(item, Mapping):  # deeper levels are not specified; this is what servers read
            pairs += _deep(inner, item, safe)
        elif isinstance(item, list):
            pairs += [(inner, _encoded(one, safe)) for one in item]
        else:
            pairs.append((inner, _encoded(item, safe)))
    return pairs


def _items(value: Any, *, pairs: bool, safe: str = UNRESERVED) -> list[str]:
    if isinstance(value, list):
        return [_encoded(item, safe) for item in value]
    flat = [(quote(str(name), safe=UNRESERVED), _encoded(item, safe)) for name, item in value.items()]
    return [f"{name}={item}" for name, item in flat] if pairs else [part for pair in flat for part in pair]


def _encoded(value: Any, safe: str = UNRESERVED) -> str:
    return quote(_text(value), safe=safe)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | Mapping):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)
