"""What an agent is told."""

import json
from typing import Any

from agents.loop.messages import opening_messages, tool_message
from agents.roles.catalogue import role_for
from agents.types import AgentSpec, SubtaskResult, ToolError, ToolResult


def user_text(spec: AgentSpec, overview: str = "") -> str:
    """Return the last message that the spec makes."""
    text = opening_messages(spec, role=role_for("generalist"), workspace_overview=overview)[-1]["content"]
    assert isinstance(text, str)
    return text


def test_the_opening_is_prompt_history_and_instruction() -> None:
    spec = AgentSpec(instruction=" Add. ", history=(("user", "hi"), ("assistant", "hello")))
    messages = opening_messages(spec, role=role_for("generalist"), workspace_overview="")
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[-1]["content"] == "Add."
    assert "tool" in messages[0]["content"]


def test_results_and_files_have_headings() -> None:
    done = SubtaskResult("s1", "Prices", "succeeded", "42")
    failed = SubtaskResult("s2", "Rain", "failed", "", "it broke")
    text = user_text(AgentSpec(instruction="Sum up", dependencies=(done, failed)), "- a.csv (3 bytes)")
    assert text.startswith("Sum up\n\n## Results you depend on\n\n### s1: Prices\n\n42")
    assert "### s2: Rain (failed)\n\nThere is no result: it broke" in text
    assert text.endswith("## Files in the workspace\n\n- a.csv (3 bytes)")


def test_long_results_are_cut_to_an_even_share_and_say_so(settings: Any) -> None:
    settings.SHANNON_DEPENDENCY_MAX_CHARACTERS = 500
    settings.SHANNON_DEPENDENCIES_MAX_CHARACTERS = 600
    results = tuple(SubtaskResult(f"s{n}", "t", "succeeded", "x" * 400) for n in range(3))
    text = user_text(AgentSpec(instruction="go", dependencies=results))
    assert text.count("x" * 200 + "… [cut: 400 characters in all]") == 3
    assert "x" * 201 not in text


def test_a_tool_message_is_the_result_as_sorted_json() -> None:
    error = ToolError("TOOL_INPUT_INVALID", "no", final=False)
    message = tool_message("c1", "calculator", ToolResult(ok=False, error=error))
    assert (message["role"], message["tool_call_id"]) == ("tool", "c1")
    assert json.loads(message["content"]) == {
        "ok": False,
        "error": {"code": "TOOL_INPUT_INVALID", "message": "no", "final": False},
    }
    left = tool_message("c", "t", ToolResult(ok=True, output={"b": 1, "a": 2}))
    right = tool_message("c", "t", ToolResult(ok=True, output={"a": 2, "b": 1}))
    assert left == right
