"""The agent loop, with a model and tools that are functions."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from agents.llm.types import ModelReply, ModelRequest, ToolCall
from agents.loop.turns import MAX_CALLS_PER_TURN, TurnLimits, Turns
from agents.types import AgentResult, ToolResult

TOOLS = [{"type": "function", "function": {"name": "calculator"}}]


class Script:
    """A model that says what it is given to say, and tools that answer with their own name."""

    def __init__(self, replies: Sequence[ModelReply]) -> None:
        self.replies = list(replies)
        self.requests: list[ModelRequest] = []
        self.calls: list[tuple[str, ...]] = []

    def ask(self, request: ModelRequest) -> ModelReply:
        """Give the next reply."""
        self.requests.append(request)
        return self.replies.pop(0)

    def call(self, calls: Sequence[ToolCall], thought: str) -> list[ToolResult]:
        """Answer any call."""
        self.calls.append((thought, *(call.name for call in calls)))
        return [ToolResult(ok=True, output=call.name) for call in calls]

    def run(self, max_turns: int = 5) -> AgentResult:
        """Run the loop over this script."""
        turns = Turns(
            ask=self.ask,
            call_tools=self.call,
            messages=[{"role": "user", "content": "go"}],
            tools=TOOLS,
            tier="small",
            model_override=None,
            limits=TurnLimits(max_turns=max_turns, max_output_tokens=100),
        )
        return turns.run()


def says(text: str, *tools: str, **more: Any) -> ModelReply:
    """Return a reply with a text and calls."""
    calls = tuple(ToolCall(f"c{number}", name, "{}") for number, name in enumerate(tools))
    values: dict[str, Any] = {"prompt_tokens": 10, "completion_tokens": 5, "cost_usd": Decimal("0.5")}
    values |= {"model": "m", "provider": "p"}
    return ModelReply(text=text, tool_calls=calls, **(values | more))


def test_an_answer_ends_the_loop() -> None:
    script = Script([says(" 42 ")])
    result = script.run()
    assert (result.text, result.turns, result.stop_reason) == ("42", 1, "answered")
    assert (result.model, result.provider) == ("m", "p")
    assert script.requests[0].tools == TOOLS


def test_tools_are_called_in_order_and_their_results_are_shown() -> None:
    script = Script([says("let me see", "a", "b"), says("done")])
    result = script.run()
    assert script.calls == [("let me see", "a", "b")]
    shown = script.requests[1].messages[1:]
    assert [message["role"] for message in shown] == ["assistant", "tool", "tool"]
    assert [call["id"] for call in shown[0]["tool_calls"]] == [message["tool_call_id"] for message in shown[1:]]
    assert (result.usage.model_calls, result.usage.tool_calls) == (2, 2)
    assert (result.usage.prompt_tokens, result.usage.completion_tokens, result.usage.cost_usd) == (20, 10, Decimal(1))


def test_the_last_turn_must_answer_without_tools() -> None:
    script = Script([says("", "a"), says("", "a"), says("as far as I got")])
    result = script.run(max_turns=3)
    assert (result.text, result.turns, result.stop_reason) == ("as far as I got", 3, "turns_exhausted")
    assert [bool(request.tools) for request in script.requests] == [True, True, False]
    assert "Answer now" in script.requests[-1].messages[-1]["content"]


def test_a_single_turn_is_one_question_without_tools() -> None:
    script = Script([says("yes")])
    assert script.run(max_turns=1).stop_reason == "answered"
    assert script.requests[0].tools is None
    assert len(script.requests[0].messages) == 1


def test_an_empty_reply_is_asked_again() -> None:
    script = Script([says("  "), says("now")])
    assert script.run().text == "now"
    assert "empty" in script.requests[1].messages[-1]["content"]


def test_a_flood_of_calls_is_refused_beyond_a_bound() -> None:
    script = Script([says("", *["t"] * (MAX_CALLS_PER_TURN + 2)), says("done")])
    result = script.run()
    assert len(script.calls[0][1:]) == MAX_CALLS_PER_TURN
    assert result.usage.tool_calls == MAX_CALLS_PER_TURN
    results = [message for message in script.requests[1].messages if message["role"] == "tool"]
    assert len(results) == MAX_CALLS_PER_TURN + 2
    assert "TOO_MANY_TOOL_CALLS" in results[-1]["content"]


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    script = Script([says("", "a", cost_usd=None), says("done")])
    assert script.run().usage.cost_usd is None


def test_an_answer_cut_by_its_length_says_so() -> None:
    assert Script([says("half", finish_reason="length")]).run().stop_reason == "length"


def test_earlier_requests_do_not_grow_with_the_conversation() -> None:
    script = Script([says("", "a"), says("done")])
    script.run()
    assert [len(request.messages) for request in script.requests] == [1, 3]
