"""Small readings of English: numbers, lists of names, sentences, quoted text."""

import re
from typing import Final

NUMBER_WORDS: Final = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12,
}  # fmt: skip
_NUMBER: Final = re.compile(r"^-?[\d.,%$€]+$")
_QUOTED: Final = re.compile(r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|`([^`]+)`|(?<!\w)'([^'\n]+(?:'\w[^'\n]*)*)'(?!\w)")
_STRETCH: Final = re.compile(r"\S{401}|\s{401}")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'“(\d])")
_LIST_SEPARATOR: Final = re.compile(r"\s*,\s*(?:and|or|&)?\s+|\s+(?:and|or|&|vs\.?|versus)\s+|\s*,\s*", re.IGNORECASE)


def is_unreadable(text: str) -> bool:
    """Return whether a text holds a stretch of over 400 characters without (or of nothing but) space.

    That is no wording, and patterns that look for wording would take minutes to find that out.
    """
    return bool(_STRETCH.search(text))


def plain_number(text: str) -> str:
    """Return a number as written without thousands separators and signs of money."""
    return re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))", "", text).replace("$", "").replace("€", "")


def quoted_texts(text: str) -> list[str]:
    """Return what stands in quotation marks, in order."""
    return [next(part for part in found.groups() if part) for found in _QUOTED.finditer(text)]


def without_quoted(text: str) -> str:
    """Return the text with everything in quotation marks replaced by a space."""
    return _QUOTED.sub(" ", text)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; file names and decimals do not end one."""
    return [part.strip() for part in _SENTENCE_END.split(" ".join(text.split())) if part.strip()]


def listed_names(text: str) -> list[str]:
    """Return the names of an enumeration like `A, B and C`; fewer than two, numbers or clauses give none."""
    cleaned = re.sub(r"^(?:both|either|the following(?: \w+)?:?)\s+", "", text.strip(" .:;?!"), flags=re.IGNORECASE)
    names = [
        re.sub(r"^(?:the|a|an)\s+(?=[A-Z])", "", name.strip(" .:;?!\"'")) for name in _LIST_SEPARATOR.split(cleaned)
    ]
    names = list(dict.fromkeys(name for name in names if name))
    are_short = all(len(name.split()) <= 4 and len(name) <= 48 for name in names)
    if len(names) < 2 or not are_short or any(_NUMBER.match(name) for name in names):
        return []
    return names


def shortened(text: str, max_characters: int) -> str:
    """Return one line of at most so many characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= max_characters:
        return line
    return line[: max_characters - 1].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
