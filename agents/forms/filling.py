"""Asks a model to fill a form, checks what it answers, and asks once more with what was wrong."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from agents.context import StepContext
from agents.errors import AnswerInvalid
from agents.forms import FORMS
from agents.journal import Journal, bounded_text
from agents.llm.calls import model_call
from agents.llm.prompts import prompt_render
from agents.llm.types import ModelPurpose, ModelReply, ModelRequest, ModelTier
from agents.loop.json_answers import json_in, problems_of
from agents.synthesis.answers import quoted_results, results_sections
from agents.types import SubtaskResult, Usage

SHAPE: Final = "shape"
_SHAPE_MAX_OUTPUT_TOKENS: Final = 8192


@dataclass(frozen=True, slots=True)
class FormRequest:
    """What to ask.

    Attributes:
        form: Name of a form, or `shape`: then `schema` is the caller's JSON schema of the answer.
        query: The user's request.
        instruction: What this call is about; may be empty.
        sections: More that the model is told, by heading.
        results: What it judges or builds on.
        tier: Which model tier answers.
        model_override: A model to use instead.
        history: `(role, content)` of the conversation before the request, oldest first.
        schema: For `shape` only.
        passages: `(id, title, text)` of sources; a window that is too small cuts them, and nothing else that is told.
    """

    form: str
    query: str
    instruction: str = ""
    sections: Mapping[str, str] = field(default_factory=dict)
    results: Sequence[SubtaskResult] = ()
    tier: str = ModelTier.MEDIUM
    model_override: str | None = None
    history: Sequence[tuple[str, str]] = ()
    schema: Mapping[str, Any] | None = None
    passages: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True, slots=True)
class FormAnswer:
    """A filled form: `value` fits the form's schema, `text` is what later steps read."""

    value: Any
    text: str
    usage: Usage
    model: str
    provider: str


def form_fill(ctx: StepContext, journal: Journal, request: FormRequest) -> FormAnswer:
    """Ask, check, and ask once more if the answer does not fit.

    Raises:
        AnswerInvalid: The second answer did not fit either (the model's fault).
        ShannonError: See `agents.llm.calls.model_call`.
    """
    messages = form_messages(request)
    usage = Usage()
    problems: list[str] = []
    for _ in range(2):
        reply = model_call(ctx, journal, form_model_request(request, messages))
        usage = usage.with_model_call(
            prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, cost_usd=reply.cost_usd
        )
        value, text, problems = _read(request, reply)
        if not problems:
            return FormAnswer(value, text, usage, reply.model, reply.provider)
        listed = "\n".join(f"- {problem}" for problem in problems)
        messages = [
            *messages,
            {"role": "assistant", "content": reply.text or "{}"},
            {"role": "user", "content": prompt_render("form_repair", problems=listed)},
        ]
    raise AnswerInvalid(
        f"The model's answer does not fit the form {request.form}: {problems[0]}",
        details={"form": request.form, "problems": problems[:10]},
    )


def form_messages(request: FormRequest) -> list[dict[str, str]]:
    """Return the messages: the form's prompt, the conversation, then request, task and material under headings."""
    messages = [{"role": "system", "content": prompt_render(f"forms/{request.form}")}]
    messages += [{"role": role, "content": content} for role, content in request.history]
    parts = [f"## Request\n\n{request.query}"]
    if request.instruction:
        parts.append(f"## Task\n\n{request.instruction}")
    parts += [f"## {heading}\n\n{body}" for heading, body in request.sections.items() if body]
    if request.schema is not None:
        parts.append(f"## Schema\n\n{json.dumps(request.schema, ensure_ascii=False)}")
    if request.passages:
        parts += ["## Sources", *(f"### {name}: {title}\n\n{text}" for name, title, text in request.passages)]
    if request.results:
        parts += ["## Results", *results_sections(request.results)]
    messages.append({"role": "user", "content": "\n\n".join(parts)})
    return messages


def form_model_request(request: FormRequest, messages: Sequence[Mapping[str, Any]]) -> ModelRequest:
    """Return what a model is asked; results and passages may be cut where its window is too small."""
    form = FORMS.get(request.form)
    schema = dict(request.schema or {}) if form is None else form.answer.model_json_schema()
    described = {"name": request.form, "schema": schema, "strict": form is not None}
    return ModelRequest(
        messages=tuple(messages),
        response_format={"type": "json_schema", "json_schema": described},
        tier=request.tier,
        model_override=request.model_override,
        max_output_tokens=_SHAPE_MAX_OUTPUT_TOKENS if form is None else form.max_output_tokens,
        purpose=ModelPurpose.DECIDE,
        quoted=[*quoted_results(request.results), *(text for _, _, text in request.passages)],
    )


def _read(request: FormRequest, reply: ModelReply) -> tuple[Any, str, list[str]]:
    """Return the value, its text, and what is wrong with it."""
    found, value = json_in(reply.text)
    if not found:
        return None, "", ["The answer holds no JSON."]
    form = FORMS.get(request.form)
    if form is None:
        return value, json.dumps(value, ensure_ascii=False), problems_of(value, request.schema or {})
    try:
        answer = form.answer.model_validate(value)
    except ValidationError as error:
        return None, "", [_problem(item) for item in error.errors()[:10]]
    return answer.model_dump(mode="json"), answer.as_text(), []


def _problem(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the answer"
    return f"{where}: {bounded_text(str(error['msg']), 200)}"


__all__ = ["FormAnswer", "FormRequest", "form_fill", "form_messages", "form_model_request"]
