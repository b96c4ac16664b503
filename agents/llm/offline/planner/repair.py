"""Repairs a plan that had problems: keeps what is sound, and puts right what is not."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agents.llm.offline.wording import shortened


def plan_repaired(previous: str, *, fallback: dict[str, Any], tools: Sequence[str], max_parts: int) -> dict[str, Any]:
    """Return a sound plan made of a previous one.

    A subtask may depend only on earlier ones (so there is no cycle), use only offered tools, and its id is unique.
    A previous plan without subtasks, or with more than `max_parts`, gives the fallback.
    """
    try:
        plan = json.loads(previous)
    except ValueError:
        plan = None
    entries = plan.get("subtasks") if isinstance(plan, Mapping) else None
    wanted = [entry for entry in entries if _is_usable(entry)] if isinstance(entries, list) else []
    if not wanted or len(wanted) > max_parts:
        return fallback
    known: dict[str, str] = {}
    subtasks = []
    for position, entry in enumerate(wanted, start=1):
        own_id = f"s{position}"
        instruction = str(entry["instruction"]).strip()
        subtasks.append(
            {
                "id": own_id,
                "title": shortened(str(entry.get("title") or instruction), 60),
                "instruction": instruction,
                "depends_on": _known(entry.get("depends_on"), known),
                "tools": [name for name in tools if name in _strings(entry.get("tools"))],
                "parameters": "{}",
                "role": "",
                "tier": "",
                "output_format": "",
                "produces": [],
                "consumes": [],
            }
        )
        known.setdefault(str(entry.get("id")), own_id)
    wish = plan.get("synthesis_instruction") if isinstance(plan, Mapping) else None
    return {"subtasks": subtasks, "synthesis_instruction": str(wish or fallback["synthesis_instruction"])}


def _is_usable(entry: object) -> bool:
    return isinstance(entry, Mapping) and bool(str(entry.get("instruction") or "").strip())


def _known(value: object, known: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(known[name] for name in _strings(value) if name in known))


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
