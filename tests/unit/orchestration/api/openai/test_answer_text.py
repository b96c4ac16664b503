"""What of an answer's pieces is sent."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestration.api.openai.answer_text import AnswerText


def test_pieces_are_sent_as_they_come_and_nothing_twice() -> None:
    text = AnswerText()
    assert [text.add("Hel"), text.add("lo"), text.finish("Hello")] == ["Hel", "lo", ""]


def test_lost_pieces_are_added_at_the_end() -> None:
    text = AnswerText()
    assert text.add("Hel") + text.finish("Hello world") == "Hello world"


def test_another_attempt_repeats_nothing_that_was_sent() -> None:
    text = AnswerText()
    sent = text.add("Hello wor")
    sent += text.add("Hello ", attempt=2) + text.add("rld!", attempt=1)  # the first attempt's last words come late
    sent += text.add("world", attempt=2) + text.finish("Hello world")
    assert sent == "Hello world"


def test_another_attempt_that_says_something_else_is_shown_whole_at_the_end() -> None:
    text = AnswerText()
    sent = text.add("Hello wor")
    sent += text.add("Good ", attempt=2) + text.add("morning to you", attempt=2) + text.finish("Good morning to you")
    assert sent == "Hello wor\n\nGood morning to you"


def test_what_was_said_beside_a_tool_call_is_parted_from_the_answer() -> None:
    text = AnswerText()
    sent = text.add("Let me see.") + text.add("It is 4.", position=2) + text.finish("It is 4.")
    assert sent == "Let me see.\n\nIt is 4."


def test_spaces_that_the_stored_answer_lost_are_no_difference() -> None:
    text = AnswerText()
    assert text.add("Hello \n") + text.finish("Hello") == "Hello \n"


def test_an_answer_ends_before_a_stop_that_comes_in_two_pieces() -> None:
    text = AnswerText(stop=["END"])
    assert [text.add("one E"), text.add("ND two"), text.finish("one END two")] == ["one ", "", ""]
    assert text.stopped


def test_the_beginning_of_a_stop_that_was_none_is_sent_at_the_end() -> None:
    text = AnswerText(stop=["END"])
    assert text.add("one E") + text.finish("one E") == "one E"


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=5), st.lists(st.text(min_size=1, max_size=3)))
def test_however_an_answer_is_cut_in_pieces_the_same_is_sent(answer: str, cuts: list[int], stops: list[str]) -> None:
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    text = AnswerText(stop=stops)
    sent = "".join(text.add(answer[start:end]) for start, end in pairwise(places))
    sent += text.finish(answer)
    found = [answer.find(stop) for stop in stops if stop in answer]
    assert sent == (answer[: min(found)] if found else answer)
