"""JSON as RFC 8259 has it. Python also reads NaN, Infinity and 1e999, which Postgres does not keep."""

import json
import math
from typing import Any, Final, NoReturn

_SHOWN_CHARACTERS: Final = 40


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        message = f"{number[:_SHOWN_CHARACTERS]} is too large a number"
        raise ValueError(message)
    return value


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


DECODER: Final = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
"""Reads values in the middle of a text, as `json_read` reads a whole one."""


def json_read(text: str | bytes) -> Any:
    """Return the value that a text is.

    Raises:
        ValueError: It is no JSON, or holds a number that is none or too large to keep.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
