"""Reads the results of subtasks as a synthesis prompt lists them."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from agents.llm.offline.conversation import MARKER

_RESULT: Final = re.compile(
    (
        r'^<result number="\d+" id="(?P<id>[^"]*)" title="(?P<title>.*?)" '
        r'status="(?P<status>\w+)">\n(?P<body>.*?)\n</result>$'
    ),
    re.DOTALL | re.MULTILINE,
)
_REQUEST: Final = re.compile(r"^## Request\n\n(?P<text>.*?)(?=^## )", re.DOTALL | re.MULTILINE)
_RESULTS: Final = re.compile(r"^## Results$", re.MULTILINE)
_BLOCK: Final = re.compile(r"```json\n(?P<json>.*?)\n```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ListedResult:
    """One subtask's result. `groups` holds `{group: {measure: value}}` of the JSON that it printed; empty without."""

    id: str
    title: str
    succeeded: bool
    text: str
    groups: dict[str, dict[str, Any]]


def is_synthesis(user_text: str) -> bool:
    """Return whether a message asks to put results together."""
    return bool(_RESULTS.search(user_text) and _REQUEST.search(user_text))


def request_in(user_text: str) -> str:
    """Return the request that the results are to answer."""
    found = _REQUEST.search(user_text)
    return found["text"].strip() if found else ""


def results_in(user_text: str) -> list[ListedResult]:
    """Return the listed results in their order."""
    return [
        ListedResult(
            id=found["id"],
            title=found["title"],
            succeeded=found["status"] == "succeeded",
            text=_without_marker(found["body"]),
            groups=_groups(found["body"]),
        )
        for found in _RESULT.finditer(user_text)
    ]


def without_json(text: str) -> str:
    """Return a result's text without its JSON blocks, which are there for programs."""
    return re.sub(r"\n{3,}", "\n\n", _BLOCK.sub("", text)).strip()


def _without_marker(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(MARKER)).strip()


def _groups(text: str) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for found in _BLOCK.finditer(text):
        try:
            value = json.loads(found["json"])
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("groups"), dict):
            groups.update({name: facts for name, facts in value["groups"].items() if isinstance(facts, dict)})
    return groups
