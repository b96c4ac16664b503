"""Whether a step that is run again asks for what it asked for before, and where not."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.errors import JournalMismatch
from agents.journal.bounds import bounded_text

_SHOWN_CHARACTERS: Final = 200


def mismatch(
    *, position: int, attempt: int, recorded: tuple[str, str, str], asked: tuple[str, str, str], where: str | None
) -> JournalMismatch:
    """Return the error of a step that asks for something else than was recorded.

    Args:
        position: Where in the step.
        attempt: The attempt that recorded.
        recorded: Kind, key and digest of the request in the journal.
        asked: The same of what is asked for now.
        where: The first difference of the two requests, if they are known.
    """
    is_same_call = recorded[:2] == asked[:2]
    tail = f" with another request: {where or 'it differs'}." if is_same_call else "."
    return JournalMismatch(
        f"At position {position} attempt {attempt} asked for {recorded[0]} {recorded[1]}, this attempt for "
        f"{asked[0]} {asked[1]}{tail}",
        details={
            "position": position,
            "recorded": dict(zip(("kind", "key", "digest"), recorded, strict=True)),
            "asked": dict(zip(("kind", "key", "digest"), asked, strict=True)),
            "first_difference": where if is_same_call else None,
        },
    )


def first_difference(recorded: Any, asked: Any, pointer: str = "") -> str | None:
    """Return where two JSON values first differ, and how, in one line; None: they are the same.

    Keys are looked at in order of the alphabet, lists from their beginning. The place is a JSON pointer.
    """
    if isinstance(recorded, Mapping) and isinstance(asked, Mapping):
        return _of_objects(recorded, asked, pointer)
    if isinstance(recorded, list | tuple) and isinstance(asked, list | tuple):
        return _of_lists(recorded, asked, pointer)
    if type(recorded) is type(asked) and recorded == asked:
        return None
    if isinstance(recorded, str) and isinstance(asked, str):
        return f"{pointer or '/'} {_text_difference(recorded, asked)}"
    return f"{pointer or '/'} was {_shown(recorded)} and is {_shown(asked)}"


def _of_objects(recorded: Mapping[str, Any], asked: Mapping[str, Any], pointer: str) -> str | None:
    for key in sorted({*recorded, *asked}):
        if key not in recorded or key not in asked:
            return f"{pointer}/{key} is only in the {'recorded' if key in recorded else 'new'} one"
        found = first_difference(recorded[key], asked[key], f"{pointer}/{key}")
        if found is not None:
            return found
    return None


def _of_lists(recorded: Sequence[Any], asked: Sequence[Any], pointer: str) -> str | None:
    for index, (before, now) in enumerate(zip(recorded, asked, strict=False)):
        found = first_difference(before, now, f"{pointer}/{index}")
        if found is not None:
            return found
    if len(recorded) == len(asked):
        return None
    return f"{pointer or '/'} had {len(recorded)} items and has {len(asked)}"


def _text_difference(recorded: str, asked: str) -> str:
    shorter = min(len(recorded), len(asked))
    at = next((n for n in range(shorter) if recorded[n] != asked[n]), shorter)
    begin = max(at - 20, 0)
    return f"differs from character {at}: {_shown(recorded[begin : at + 60])} became {_shown(asked[begin : at + 60])}"


def _shown(value: Any) -> str:
    return bounded_text(repr(value), _SHOWN_CHARACTERS)
