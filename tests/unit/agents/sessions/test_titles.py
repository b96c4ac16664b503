"""Titles and names of sessions."""

import pytest

from agents.errors import SessionIdInvalid
from agents.sessions.reading import external_id_from, uuid_from
from agents.sessions.writing import title_from


def test_a_short_question_is_the_title() -> None:
    assert title_from("  What is\n 2 + 2? ") == "What is 2 + 2?"


def test_a_long_question_is_cut_to_sixty_characters() -> None:
    title = title_from("word " * 40)
    assert len(title) <= 60
    assert title.endswith("word…")


@pytest.mark.parametrize("name", ["demo", "user:42_a.b-c", "x" * 128])
def test_a_name_of_allowed_characters_is_taken(name: str) -> None:
    assert external_id_from(name) == name


@pytest.mark.parametrize("name", ["", "x" * 129, "a b", "a/b", "é", "a\n", "../x"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(SessionIdInvalid):
        external_id_from(name)


def test_only_whole_uuids_are_uuid_shaped() -> None:
    assert uuid_from("0190b0f0-0000-7000-8000-000000000000") is not None
    assert uuid_from("0190b0f000007000800000000000000" + "0") is not None
    assert uuid_from("{0190b0f0-0000-7000-8000-000000000000}") is None
    assert uuid_from("demo") is None
