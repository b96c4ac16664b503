"""The lead of a team: the planner's rules hand out the tasks, what failed is given once more, then it is enough."""

import re
from typing import Any, Final

from agents.llm.offline.forms.asked import BY_RULES, Asked
from agents.llm.offline.planner.plans import plan_made

_TASK: Final = re.compile(
    r"^- (?P<id>\S+) \[(?P<status>\w+)\] (?P<owner>\S+) \((?P<role>[\w-]+)\): (?P<title>.*)$", re.MULTILINE
)
_NAMES: Final = ("ada", "ben", "cleo", "dan", "eva", "finn", "gina", "hugo", "iris", "jon")
AGAIN: Final = "-again"
_DATA_TOOLS: Final = frozenset({"python", "calculator", "file_read"})


def lead(asked: Asked) -> dict[str, Any]:
    """Hand out the plan's tasks first; then what failed, once; then finish."""
    listed = list(_TASK.finditer(asked.sections.get("Task list", "")))
    agents = asked.number(r"(\d+) more agents", 4)
    room = asked.number(r"(\d+) more tasks", 8)
    rounds = asked.number(r"(\d+) more (?:decisions|rounds)", 1)
    if not listed:
        tasks = _tasks(asked, min(room, 8), max(agents, 1))
        return _decision("delegate", f"{BY_RULES}: the request has {len(tasks)} parts.", tasks)
    failed = [item for item in listed if item["status"] == "failed" and not item["id"].endswith(AGAIN)]
    known = {item["id"] for item in listed}
    failed = [item for item in failed if item["id"] + AGAIN not in known][: max(room, 0)]
    if failed and rounds:
        return _decision("delegate", f"{BY_RULES}: {len(failed)} failed; once more.", [_again(item) for item in failed])
    waiting = sum(item["status"] == "open" for item in listed)
    if waiting and rounds:
        return _decision("delegate", f"{BY_RULES}: {waiting} tasks are not done yet.", [])
    done = sum(item["status"] == "done" for item in listed)
    lost = [item["title"] for item in listed if item["status"] == "failed"]
    note = f"{BY_RULES}: {done} of {len(listed)} tasks are done" + (f"; missing: {', '.join(lost[:5])}" if lost else "")
    return _decision("finish", note[:480], [])


def _decision(decision: str, note: str, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"decision": decision, "note": note, "tasks": tasks, "messages": []}


def _tasks(asked: Asked, most: int, agents: int) -> list[dict[str, Any]]:
    plan = plan_made(asked.query, files=asked.files, tools=asked.tools, max_parts=max(most, 1))
    return [
        {
            "id": subtask["id"],
            "title": subtask["title"],
            "instruction": subtask["instruction"],
            "owner": _NAMES[position % min(agents, len(_NAMES))],
            "role": "analyst" if _DATA_TOOLS & set(subtask["tools"]) else "generalist",
            "tools": subtask["tools"],
            "depends_on": subtask["depends_on"],
        }
        for position, subtask in enumerate(plan["subtasks"])
    ]


def _again(item: re.Match[str]) -> dict[str, Any]:
    instruction = f"{item['title']}\n\nThis failed before. Do it in another way, or say exactly what stands in the way."
    return {
        "id": item["id"] + AGAIN,
        "title": f"{item['title']} (once more)"[:480],
        "instruction": instruction,
        "owner": item["owner"],
        "role": item["role"],
        "tools": [],
        "depends_on": [],
    }
