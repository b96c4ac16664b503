"""A synthesis shows the model the request and every result, bounded, failures with their reasons."""

from agents.synthesis.answers import SynthesisRequest, synthesis_messages
from agents.types import SubtaskResult


def body(*results: SubtaskResult, instruction: str = "", history: tuple[tuple[str, str], ...] = ()) -> str:
    request = SynthesisRequest(query="Which?", instruction=instruction, results=results, history=history)
    return synthesis_messages(request)[-1]["content"]


def test_request_and_results_stand_under_headings() -> None:
    text = body(SubtaskResult("s1", "One", "succeeded", "It is 4."), instruction="Make a table.")

    assert text.startswith("## Request\n\nWhich?")
    assert "## How to put the results together\n\nMake a table." in text
    assert '<result number="1" id="s1" title="One" status="succeeded">\nIt is 4.\n</result>' in text


def test_failure_is_shown_with_its_reason() -> None:
    text = body(SubtaskResult("s1", "One", "failed", "", "Out of budget."), SubtaskResult("s2", "Two", "skipped", ""))

    assert 'status="failed">\nOut of budget.' in text
    assert "No reason was recorded." in text


def test_many_long_results_are_cut_evenly() -> None:
    results = [SubtaskResult(f"s{n}", "x", "succeeded", "y" * 100_000) for n in range(10)]

    text = body(*results)

    assert len(text) < 130_000
    assert text.count("[cut: 100000 characters in all]") == 10


def test_conversation_stands_between_prompt_and_request() -> None:
    request = SynthesisRequest(query="q", instruction="", results=[], history=[("user", "a"), ("assistant", "b")])

    assert [message["role"] for message in synthesis_messages(request)] == ["system", "user", "assistant", "user"]
