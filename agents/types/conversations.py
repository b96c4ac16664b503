"""Sessions and who speaks in them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TITLE_MAX_CHARACTERS: Final = 60


class MessageRole(StrEnum):
    """Who speaks in a session."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"  # a caller's own instructions


@dataclass(frozen=True, slots=True)
class PersonMessage:
    """What a person said to a running task; `number` from 1, `to` empty: whoever works."""

    number: int
    text: str
    to: str = ""
