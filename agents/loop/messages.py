"""What an agent is told, in the OpenAI chat format."""

import json
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings

from agents.journal.bounds import bounded_text
from agents.llm.prompts import prompt_render
from agents.loop.formats import format_words
from agents.roles.catalogue import Role
from agents.types import AgentSpec, SubtaskResult, ToolResult

DEPENDENCIES_HEADING: Final = "## Results you depend on"
FILES_HEADING: Final = "## Files in the workspace"
_SUCCEEDED: Final = "succeeded"


def opening_messages(spec: AgentSpec, *, role: Role, workspace_overview: str) -> list[dict[str, Any]]:
    """Return the conversation's beginning: the role's prompt, the history, and the instruction with what it needs."""
    parts = [spec.instruction.strip()]
    if words := format_words(spec.answer_format):
        parts[0] += f"\n\nGive the answer as {words}."
    if spec.dependencies:
        parts.append(f"{DEPENDENCIES_HEADING}\n\n{_dependencies_text(spec.dependencies)}")
    if workspace_overview:
        parts.append(f"{FILES_HEADING}\n\n{workspace_overview}")
    system = [prompt_render(role.prompt), role.brief, spec.guidance.strip()]
    messages: list[dict[str, Any]] = [{"role": "system", "content": "\n\n".join(part for part in system if part)}]
    messages += [{"role": role, "content": content} for role, content in spec.history]
    messages.append({"role": "user", "content": "\n\n".join(parts)})
    return messages


def tool_message(call_id: str, name: str, result: ToolResult) -> dict[str, Any]:
    """Return a tool's result as the model reads it; keys are sorted, so that a resumed step says the same."""
    content = json.dumps(result.as_json(), sort_keys=True, ensure_ascii=False)
    return {"role": "tool", "tool_call_id": call_id, "name": name, "content": content}


def dependency_share_characters(count: int) -> int:
    """Return how much of each of `count` results an agent is told, so how much of it has to be loaded."""
    return min(
        settings.SHANNON_DEPENDENCY_MAX_CHARACTERS, settings.SHANNON_DEPENDENCIES_MAX_CHARACTERS // max(1, count)
    )


def quoted_dependencies(results: Sequence[SubtaskResult]) -> list[str]:
    """Return the texts of results as an agent is told them.

    Each is cut to `SHANNON_DEPENDENCY_MAX_CHARACTERS`, or to an even share of `SHANNON_DEPENDENCIES_MAX_CHARACTERS`
    where that is less, and says so: the beginning of every result is worth more than the whole of the first ones.
    Where a model's window holds less than that, they are cut once more (`agents.llm.window`).
    """
    share = dependency_share_characters(len(results))
    return [_body(result, share) for result in results]


def _body(result: SubtaskResult, max_characters: int) -> str:
    if result.status == _SUCCEEDED:
        return bounded_text(result.text, max_characters, characters=result.characters)
    return f"There is no result: {bounded_text(result.error or 'no reason was recorded', max_characters)}"


def _dependencies_text(results: Sequence[SubtaskResult]) -> str:
    """Return the results under headings."""
    bodies = quoted_dependencies(results)
    return "\n\n".join(f"{_heading(result)}\n\n{body}" for result, body in zip(results, bodies, strict=True))


def _heading(result: SubtaskResult) -> str:
    title = " ".join(result.title.split())
    return f"### {result.id}: {title}" + ("" if result.status == _SUCCEEDED else f" ({result.status})")
