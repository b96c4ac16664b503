"""Writes an answer again in the format that was asked for, when the first one did not have it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.llm.offline.conversation import MARKER, message_text

_ASKED: Final = re.compile(r"^Your answer does not have the form that was asked for\.")  # of `agents.loop`
_NUMBER: Final = re.compile(r"\*\*(-?\d[\d,]*(?:\.\d+)?)\*\*|(-?\d[\d,]*(?:\.\d+)?)")


def reformed(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the last answer in the format that the last message names; None when it asks something else."""
    if len(messages) < 2 or not _ASKED.match(message_text(messages[-1])):
        return None
    wanted = message_text(messages[-1])
    said = "\n".join(line for line in message_text(messages[-2]).splitlines() if not line.startswith(MARKER)).strip()
    if "one JSON" in wanted:
        return json.dumps({"answer": said}, ensure_ascii=False)
    if "one number" in wanted:
        found = _NUMBER.search(said)
        return f"{MARKER} {found[1] or found[2]}" if found else said
    lines = [line for line in said.splitlines() if line.strip()]
    if "table" in wanted:
        rows = "\n".join(f"| {line.replace('|', '/')} |" for line in lines)
        return f"{MARKER} answered by rules.\n\n| result |\n| --- |\n{rows}"
    return f"{MARKER} answered by rules.\n\n" + "\n".join(f"- {line}" for line in lines)
