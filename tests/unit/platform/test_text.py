"""Text that Postgres can keep."""

import pytest

from shannon_project.foundation.text import storable_text


@pytest.mark.parametrize("text", ["", "plain", "gr\u00fc\u00dfe \u2026", "\U0001f600 an alle"])
def test_what_can_be_kept_stays_the_very_same_text(text: str) -> None:
    assert storable_text(text) is text


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\x00b", "a\ufffdb"), ("a\ud83d", "a\ufffd"), ("\udc00\u2026", "\ufffd\u2026"), ("\ud83d\ude00", "\U0001f600")],
)
def test_what_cannot_be_kept_is_replaced_and_halves_of_one_character_are_joined(text: str, kept: str) -> None:
    assert storable_text(text) == kept
