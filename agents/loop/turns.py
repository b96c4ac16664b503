"""Turns of one agent: it asks the model, makes the calls that the model wants, and stops at an answer or a limit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agents.errors import AnswerInvalid
from agents.llm.types import ModelReply, ModelRequest, SemanticRule, ToolCall
from agents.loop.formats import MUST_FIT, format_problem
from agents.loop.messages import tool_message
from agents.types import AgentResult, ToolError, ToolResult, Usage

MAX_CALLS_PER_TURN: Final = 16
_ANSWER_NOW: Final = "There are no turns left for tools. Answer now, with what you have; say what is missing."
_WRONG_FORM: Final = "Your answer does not have the form that was asked for. Write it again."
_SAY_SOMETHING: Final = "Your message was empty. Call a tool or write the answer."

Ask = Callable[[ModelRequest], ModelReply]
CallTools = Callable[[Sequence[ToolCall], str], Sequence[ToolResult]]


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How far an agent may go: model calls (≥ 1), and tokens of output per call."""

    max_turns: int
    max_output_tokens: int


@dataclass(slots=True)
class Turns:
    """One agent's conversation. `ask` and `call_tools` are its only ways to the world outside.

    Attributes:
        messages: The conversation so far; it grows.
        tools: What the model is offered, in the OpenAI format.
        paging: What it is offered besides once a tool's output was too long to be shown, to read on in it.
        call_tools: Given the calls of a turn and what the model said with them; returns their results in that order.
        quoted: Results of other steps that the messages quote; see `ModelRequest.quoted`.
        hear: What people said since the last turn, as messages of the conversation.
    """

    ask: Ask
    call_tools: CallTools
    messages: list[dict[str, Any]]
    tools: Sequence[dict[str, Any]]
    tier: str
    model_override: str | None
    limits: TurnLimits
    sampling: Mapping[str, Any] = field(default_factory=dict)
    paging: Sequence[dict[str, Any]] = ()
    answer_format: str = ""
    semantic: SemanticRule | None = None
    quoted: Sequence[str] = ()
    hear: Callable[[], Sequence[dict[str, Any]]] = tuple
    usage: Usage = field(default_factory=Usage)

    def run(self) -> AgentResult:
        """Return the answer; one that misses the format asked for is asked for once more.

        Raises:
            AnswerInvalid: A program is to read the answer, and it has not the form (the model's fault).
        """
        result = self._work()
        problem = format_problem(result.text, self.answer_format)
        if problem:
            self.messages.append({"role": "assistant", "content": result.text})
            self.messages.append({"role": "user", "content": f"{_WRONG_FORM} {problem}"})
            reply = self._ask(tools=())
            result = self._result(reply, result.turns + 1, result.stop_reason)
            problem = format_problem(result.text, self.answer_format)
        if problem and self.answer_format in MUST_FIT:
            raise AnswerInvalid(
                f"The answer does not have the form asked for. {problem}", details={"format": self.answer_format}
            )
        return replace(result, format_problem=problem)

    def _work(self) -> AgentResult:
        """Return the first answer. The last turn is without tools, so that there always is one."""
        for turn in range(1, self.limits.max_turns):
            reply = self._ask(tools=self.tools)
            if reply.tool_calls:
                self.messages.append(reply.as_assistant_message())
                self._make_calls(reply)
            elif reply.text.strip():
                return self._result(reply, turn, "answered")
            else:
                self.messages.append({"role": "user", "content": _SAY_SOMETHING})
        if self.limits.max_turns > 1:
            self.messages.append({"role": "user", "content": _ANSWER_NOW})
        reply = self._ask(tools=())
        return self._result(
            reply, self.limits.max_turns, "turns_exhausted" if self.limits.max_turns > 1 else "answered"
        )

    def _ask(self, tools: Sequence[dict[str, Any]]) -> ModelReply:
        self.messages.extend(self.hear())
        reply = self.ask(
            ModelRequest(
                messages=tuple(self.messages),
                tools=tools or None,
                tier=self.tier,
                model_override=self.model_override,
                max_output_tokens=self.limits.max_output_tokens,
                options=self.sampling,
                semantic=self.semantic,
                quoted=self.quoted,
            )
        )
        self.usage = self.usage.with_model_call(
            prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, cost_usd=reply.cost_usd
        )
        return reply

    def _make_calls(self, reply: ModelReply) -> None:
        """Make the turn's calls; their results are shown in the order of the calls, whichever ended first."""
        made = self.call_tools(reply.tool_calls[:MAX_CALLS_PER_TURN], reply.text.strip())
        self.usage = self.usage.with_tool_call(len(made) + sum(result.calls for result in made))
        if any(result.references for result in made):
            self.tools, self.paging = [*self.tools, *self.paging], ()
        results = [*made, *(_one_too_many() for _ in reply.tool_calls[MAX_CALLS_PER_TURN:])]
        for call, result in zip(reply.tool_calls, results, strict=True):
            self.messages.append(tool_message(call.id, call.name, result))

    def _result(self, reply: ModelReply, turns: int, stop_reason: str) -> AgentResult:
        return AgentResult(
            text=reply.text.strip(),
            usage=self.usage,
            turns=turns,
            model=reply.model,
            provider=reply.provider,
            stop_reason="length" if reply.finish_reason == "length" else stop_reason,
        )


def _one_too_many() -> ToolResult:
    message = f"At most {MAX_CALLS_PER_TURN} tools are called in one turn; this one was not. Call it in the next."
    return ToolResult(ok=False, error=ToolError("TOO_MANY_TOOL_CALLS", message, final=False))
