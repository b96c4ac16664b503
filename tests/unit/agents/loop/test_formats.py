"""A declared format: the answer is checked, asked for once more, and refused where a program is to read it."""

from dataclasses import dataclass, field

import pytest

from agents.errors import AnswerInvalid
from agents.llm.types import ModelReply, ModelRequest
from agents.loop.formats import FORMATS, format_problem
from agents.loop.turns import TurnLimits, Turns
from agents.types import AgentResult

GOOD = {
    "text": "anything",
    "json": 'Here: {"a": [1, 2]}',
    "number": "It is 1,234.5 km",
    "list": "- one\n- two",
    "table": "| a | b |\n|---|---|\n| 1 | 2 |",
}
BAD = {"json": "a is 1", "number": "between 3 and 4", "list": "one, two", "table": "a: 1, b: 2"}


@dataclass
class Model:
    """Says one thing after another, and keeps what it was asked."""

    replies: list[str]
    requests: list[ModelRequest] = field(default_factory=list)

    def ask(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        return ModelReply(text=self.replies.pop(0), prompt_tokens=1, completion_tokens=1, model="m", provider="p")

    def run(self, answer_format: str) -> AgentResult:
        turns = Turns(
            ask=self.ask,
            call_tools=lambda _calls, _thought: [],
            messages=[{"role": "user", "content": "go"}],
            tools=(),
            tier="small",
            model_override=None,
            limits=TurnLimits(max_turns=3, max_output_tokens=100),
            answer_format=answer_format,
        )
        return turns.run()


@pytest.mark.parametrize("name", FORMATS)
def test_an_answer_in_its_format_is_taken_as_it_is(name: str) -> None:
    model = Model([GOOD[name]])
    assert model.run(name).text == GOOD[name]
    assert len(model.requests) == 1


@pytest.mark.parametrize("name", sorted(BAD))
def test_one_that_misses_it_is_asked_for_once_more_with_what_is_wrong(name: str) -> None:
    model = Model([BAD[name], GOOD[name]])
    result = model.run(name)
    assert (result.text, result.format_problem) == (GOOD[name], "")
    said = str(model.requests[1].messages[-1]["content"])
    assert format_problem(BAD[name], name) in said
    assert not model.requests[1].tools, "it answers, and does nothing else"


@pytest.mark.parametrize("name", ["json", "number"])
def test_what_a_program_reads_fails_when_the_second_answer_misses_it_too(name: str) -> None:
    with pytest.raises(AnswerInvalid, match="does not have the form"):
        Model([BAD[name], BAD[name]]).run(name)


@pytest.mark.parametrize("name", ["list", "table"])
def test_what_a_person_reads_is_taken_with_the_problem_told(name: str) -> None:
    result = Model([BAD[name], BAD[name]]).run(name)
    assert result.text == BAD[name]
    assert result.format_problem.startswith("It must be a Markdown")
