"""The caller's form: numbers and texts of the answer where the schema wants such, else the least that fits."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from agents.llm.offline.conversation import MARKER
from agents.llm.offline.forms.asked import Asked
from agents.llm.offline.json_forms import least_value

_BOLD: Final = re.compile(r"\*\*(-?\d[\d,]*(?:\.\d+)?)\*\*")
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w.]*\w)")


def shape(asked: Asked) -> Any:
    """Fill the schema under "Schema"."""
    try:
        schema = json.loads(asked.sections.get("Schema", "{}"))
    except ValueError:
        schema = {}
    answer = asked.results[0].text if asked.results else asked.sections.get("Answer", "")
    answer = "\n".join(line for line in answer.splitlines() if not line.startswith(MARKER)).strip()
    written = _BOLD.findall(answer) or _NUMBER.findall(answer)  # results stand out; what they came from does not
    found = [float(number.replace(",", "")) for number in written]
    value = least_value(schema, answer)
    return _with_numbers(value, schema, found) if found else value


def _with_numbers(value: Any, schema: Mapping[str, Any], numbers: list[float]) -> Any:
    """Put the answer's numbers, in order, where the schema wants numbers; one that breaks a bound is left out."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        return {name: _with_numbers(item, properties.get(name) or {}, numbers) for name, item in value.items()}
    kind = schema.get("type")
    if kind not in {"number", "integer"} or not numbers:
        return value
    number = numbers.pop(0) if len(numbers) > 1 else numbers[0]
    if kind == "integer":
        number = round(number)
    is_inside = schema.get("minimum", number) <= number <= schema.get("maximum", number)
    return number if is_inside else value
