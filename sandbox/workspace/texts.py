"""Work on the text files of a workspace: searching, editing, comparing."""

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sandbox.errors import WorkspaceEditInvalid, WorkspaceFileMissing
from sandbox.workspace.base import Workspace

_LINE_SHOWN_CHARACTERS = 400
_FILE_SEARCHED_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Match:
    """One line that matches; `line` counts from 1, `text` is cut after 400 characters."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches by path and line; `more` says that there are others."""

    matches: list[Match]
    files_searched: int
    more: bool


def text_search(
    workspace: Workspace, query: str, *, pattern: str = "*", ignore_case: bool = True, limit: int = 100
) -> SearchResult:
    """Return the lines that contain a text. Files that are no UTF-8 or above 4 MiB are left out.

    Args:
        workspace: Where.
        query: What; a plain text, not an expression: no file can make a search take for ever.
        pattern: Which files, as in a shell, over the whole path: `*.py`, `src/*`.
        ignore_case: Whether `A` is `a`.
        limit: Matches at most.
    """
    wanted = query.casefold() if ignore_case else query
    matches: list[Match] = []
    searched = 0
    for entry in workspace.files():
        if entry.size_bytes > _FILE_SEARCHED_BYTES or not fnmatchcase(entry.path, pattern):
            continue
        try:
            text = workspace.read(entry.path).decode()
        except (UnicodeDecodeError, WorkspaceFileMissing):  # no text, or deleted meanwhile
            continue
        searched += 1
        for number, line in enumerate(text.splitlines(), start=1):
            if wanted in (line.casefold() if ignore_case else line):
                if len(matches) == limit:
                    return SearchResult(matches, searched, more=True)
                matches.append(Match(entry.path, number, line[:_LINE_SHOWN_CHARACTERS]))
    return SearchResult(matches, searched, more=False)


def text_edit(workspace: Workspace, path: str, *, old: str, new: str, replace_all: bool = False) -> str:
    """Replace a piece of a text file; returns the difference as a unified diff.

    Args:
        workspace: Where.
        path: The file.
        old: What is there now, exactly; not empty.
        new: What shall be there.
        replace_all: Replace every occurrence; otherwise there must be exactly one.

    Raises:
        WorkspaceEditInvalid: `old` is not there, or more than once, or the file is no text: the caller's fault.
        WorkspacePathInvalid, WorkspaceFileMissing, WorkspaceQuotaExceeded: As for reading and writing.
    """
    before = _text(workspace, path)
    count = before.count(old) if old else 0
    if count == 0:
        raise WorkspaceEditInvalid(f"{path!r} does not contain the text to replace; it has to match exactly.")
    if count > 1 and not replace_all:
        raise WorkspaceEditInvalid(
            f"{path!r} contains the text {count} times; give more of what is around it, or replace all.",
            details={"occurrences": count},
        )
    after = before.replace(old, new)
    workspace.write(path, after.encode())
    return unified(before, after, path, path)


def text_diff(workspace: Workspace, path: str, other: str) -> str:
    """Return how one text file differs from another, as a unified diff; empty when they are equal.

    Raises:
        WorkspaceEditInvalid: One of them is no text.
        WorkspacePathInvalid, WorkspaceFileMissing: As for reading.
    """
    return unified(_text(workspace, path), _text(workspace, other), path, other)


def unified(before: str, after: str, before_name: str, after_name: str) -> str:
    """Return a unified diff of two texts."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), before_name, after_name
    )
    # A last line without an end would run into the next one.
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _text(workspace: Workspace, path: str) -> str:
    try:
        return workspace.read(path).decode()
    except UnicodeDecodeError as error:
        raise WorkspaceEditInvalid(f"{path!r} is not a text in UTF-8.") from error
