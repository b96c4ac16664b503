"""Questions about files: which there are, what is in one."""

import re
from typing import Any, Final

from agents.llm.offline.conversation import Turn
from agents.llm.offline.planner.parts import focus_in
from agents.llm.offline.skills.base import Skill, WantedCall, failure_sentence
from agents.llm.offline.wording import shortened
from agents.llm.offline.workspace import FILE_NAME

LIST: Final = "file_list"
READ: Final = "file_read"
_LISTING: Final = re.compile(
    r"\b(?:which|what|list|show|any|how many|see)\b[^.?!]{0,40}\bfiles\b"
    r"|\bfiles\b[^.?!]{0,30}\b(?:are there|do (?:i|we|you) have)"
    r"|\b(?:contents?|files) of (?:the|my) (?:workspace|folder|directory)|\bin (?:the|my) workspace\b",
    re.IGNORECASE,
)
_READING: Final = re.compile(
    r"\b(?:read|show|open|print|display|cat|quote|view|what(?:'s| is| does)|contents?"
    r"|tell me|look (?:at|into)|explain|describe|check)\b",
    re.IGNORECASE,
)
_SHOWN_CHARACTERS: Final = 4_000


class FileListSkill(Skill):
    """Lists the workspace."""

    name = "list of files"

    def fits(self, turn: Turn) -> bool:
        """Whether the question is which files there are."""
        _, instruction = focus_in(turn.instruction)
        return bool(_LISTING.search(instruction)) and not FILE_NAME.search(instruction)

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """The list of the top folder."""
        return (WantedCall(LIST, {}),) if LIST in turn.tools else ()

    def answer(self, turn: Turn) -> str:
        """One line a file."""
        observations = turn.observed(LIST)
        if not observations:
            known = "\n".join(f"- `{file.path}`" for file in turn.files)
            return f"These files are in the workspace:\n\n{known}" if known else "I was shown no files."
        if not observations[-1].ok:
            return failure_sentence(observations[-1])
        entries = _entries(observations[-1].output)
        if not entries:
            return "The workspace holds no files."
        return f"The workspace holds {len(entries)} entries:\n\n" + "\n".join(map(_entry_line, entries))


class FileReadSkill(Skill):
    """Shows a file."""

    name = "content of a file"

    def fits(self, turn: Turn) -> bool:
        """Whether a file is named and its content is asked for."""
        return _path(turn) is not None

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """The file's beginning."""
        path = _path(turn)
        return (WantedCall(READ, {"path": path}),) if path and READ in turn.tools else ()

    def answer(self, turn: Turn) -> str:
        """The content, cut where it is long."""
        path = _path(turn)
        observations = turn.observed(READ)
        if not observations:
            return f"To read `{path}` I need the tool `file_read`, which was not offered to me."
        if not observations[-1].ok:
            return failure_sentence(observations[-1])
        output = observations[-1].output
        text = str(output.get("text", output.get("content", ""))) if isinstance(output, dict) else str(output)
        cut = f"\n… ({len(text) - _SHOWN_CHARACTERS} more characters)" if len(text) > _SHOWN_CHARACTERS else ""
        return f"`{path}` reads:\n\n```\n{text[:_SHOWN_CHARACTERS].rstrip()}{cut}\n```"


def _path(turn: Turn) -> str | None:
    focus, instruction = focus_in(turn.instruction)
    if focus and FILE_NAME.fullmatch(focus):
        return focus
    found = FILE_NAME.search(instruction)
    return found.group() if found and _READING.search(instruction) else None


def _entries(output: Any) -> list[Any]:
    found = output.get("entries", output.get("files", [])) if isinstance(output, dict) else output
    return found if isinstance(found, list) else []


def _entry_line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return f"- {shortened(str(entry), 200)}"
    size = "folder" if entry.get("is_dir") else f"{entry.get('size_bytes', '?')} bytes"
    return f"- `{entry.get('path', entry.get('name', '?'))}` ({size})"
