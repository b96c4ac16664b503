"""Python programs for the sandbox, made from the reviewed templates in `code/`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Final

_FOLDER: Final = Path(__file__).resolve().parent / "code"


def program(*templates: str, spec: Mapping[str, Any]) -> str:
    """Return a program: the templates one after another, with `spec` as its only input.

    Args:
        templates: Names of files in `code/` without `.py.tmpl`.
        spec: JSON values; they enter the code as one quoted literal, so no text of a user becomes code.
    """
    literal = repr(json.dumps(spec, sort_keys=True))
    return "\n\n".join(_template(name).substitute(spec=literal).strip() for name in templates) + "\n"


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.py.tmpl").read_text(encoding="utf-8"))
