"""Asks a model to make one answer of the subtasks' results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agents.context import StepContext
from agents.journal import Journal, bounded_text
from agents.llm.calls import model_call
from agents.llm.prompts import prompt_render
from agents.llm.types import ModelPurpose, ModelRequest, ModelTier
from agents.types import AgentResult, SubtaskResult, Usage

ANSWER_MAX_OUTPUT_TOKENS: Final = 4096
_RESULTS_MAX_CHARACTERS: Final = 120_000  # of all results together, shared evenly: about 30,000 tokens
_RESULT_MIN_CHARACTERS: Final = 1_000
_SUCCEEDED: Final = "succeeded"


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """What to answer and from what.

    Attributes:
        query: The user's request.
        instruction: The plan's words on how to put the results together; may be empty.
        results: How each subtask ended, in the plan's order.
        tier: Which model tier writes.
        model_override: A model to use instead.
        max_output_tokens: Upper bound of the answer.
        history: `(role, content)` of the conversation before the request, oldest first.
        sampling: See `ModelRequest.options`.
    """

    query: str
    instruction: str
    results: Sequence[SubtaskResult]
    tier: str = ModelTier.MEDIUM
    model_override: str | None = None
    max_output_tokens: int = ANSWER_MAX_OUTPUT_TOKENS
    history: Sequence[tuple[str, str]] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)


def answer_synthesize(ctx: StepContext, journal: Journal, request: SynthesisRequest) -> AgentResult:
    """Write the answer to a request from the results of its subtasks; failed ones are named in it.

    Raises:
        ShannonError: See `agents.llm.calls.model_call`.
    """
    reply = model_call(
        ctx,
        journal,
        ModelRequest(
            messages=synthesis_messages(request),
            tier=request.tier,
            model_override=request.model_override,
            max_output_tokens=request.max_output_tokens,
            purpose=ModelPurpose.SYNTHESIZE,
            options=request.sampling,
            quoted=quoted_results(request.results),
        ),
    )
    usage = Usage().with_model_call(
        prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, cost_usd=reply.cost_usd
    )
    return AgentResult(text=reply.text, usage=usage, turns=1, model=reply.model, provider=reply.provider)


def synthesis_messages(request: SynthesisRequest) -> list[dict[str, str]]:
    """Return the messages of a synthesis: the prompt, the conversation, then request and results under headings."""
    messages = [{"role": "system", "content": prompt_render("synthesize")}]
    messages += [{"role": role, "content": content} for role, content in request.history]
    parts = [f"## Request\n\n{request.query}"]
    if request.instruction:
        parts.append(f"## How to put the results together\n\n{request.instruction}")
    parts += ["## Results", *results_sections(request.results)]
    messages.append({"role": "user", "content": "\n\n".join(parts)})
    return messages


def synthesis_share_characters(count: int) -> int:
    """Return how much of each of `count` results the synthesis is told, so how much of it has to be loaded."""
    return max(_RESULT_MIN_CHARACTERS, _RESULTS_MAX_CHARACTERS // max(1, count))


def results_sections(results: Sequence[SubtaskResult]) -> list[str]:
    """Return the results as models read them, each cut to an even share of what all together may take."""
    bodies = quoted_results(results)
    return [
        _result_section(number, result, body)
        for number, (result, body) in enumerate(zip(results, bodies, strict=True), start=1)
    ]


def quoted_results(results: Sequence[SubtaskResult]) -> list[str]:
    """Return the texts of the results as they stand in their sections; a window that is smaller cuts them once more."""
    share = synthesis_share_characters(len(results))
    return [
        bounded_text(result.text, share, characters=result.characters)
        if result.status == _SUCCEEDED
        else result.error or "No reason was recorded."
        for result in results
    ]


def _result_section(number: int, result: SubtaskResult, body: str) -> str:
    title = " ".join(result.title.split())
    return f'<result number="{number}" id="{result.id}" title="{title}" status="{result.status}">\n{body}\n</result>'
