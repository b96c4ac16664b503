"""The path jail: what may name a file of a workspace."""

import unicodedata
from collections.abc import Collection

from sandbox.errors import WorkspacePathInvalid

_PATH_MAX_BYTES = 1024
_SEGMENT_MAX_BYTES = 255  # NAME_MAX of every usual file system
_DEPTH_MAX = 16
RESERVED_PREFIX = ".shannon-"  # names of our own temporary and lock files


def path_checked(path: str) -> str:
    """Return the path in its one spelling (`a/b.txt`; Unicode NFC), or refuse it.

    Args:
        path: A path relative to the workspace, separated by `/`. One leading `./` or `/workspace/` (where a program in
            the sandbox sees its files) is taken off.

    Raises:
        WorkspacePathInvalid: The path is empty, absolute, too long or deep, leaves the workspace, uses control
            characters or backslashes, or a reserved name: the caller's fault.
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise WorkspacePathInvalid("The path is not valid Unicode text.") from error
    relative = unicodedata.normalize("NFC", path).removeprefix("/workspace/").removeprefix("./")
    problem = _problem_of(relative)
    if problem:
        raise WorkspacePathInvalid(f"The path {path[:200]!r} {problem}.", details={"path": path[:200]})
    return relative


def paths_fit(written: Collection[str], kept: Collection[str]) -> None:
    """Check that files can be side by side: none is where another one needs a folder.

    Args:
        written: Paths that will be written, as `path_checked` returns them.
        kept: Paths of the files that stay.

    Raises:
        WorkspacePathInvalid: A written path is a folder of another file, or leads through a file.
    """
    files = {*written, *kept}
    folders = {folder for path in files for folder in folders_of(path)}
    for path in written:
        if path in folders:
            raise WorkspacePathInvalid(f"The path {path!r} is a folder, not a file.", details={"path": path})
        if not files.isdisjoint(folders_of(path)):
            raise WorkspacePathInvalid(f"The path {path!r} leads through a file.", details={"path": path})


def folders_of(path: str) -> list[str]:
    """Return the folders that a path leads through, the outermost first."""
    segments = path.split("/")
    return ["/".join(segments[:depth]) for depth in range(1, len(segments))]


def _problem_of(path: str) -> str:
    if not path:
        return "is empty"
    if path.startswith("/"):
        return "is absolute; paths are relative to the workspace"
    if len(path.encode()) > _PATH_MAX_BYTES:
        return f"is longer than {_PATH_MAX_BYTES} bytes"
    segments = path.split("/")
    if len(segments) > _DEPTH_MAX:
        return f"is deeper than {_DEPTH_MAX} folders"
    return next(filter(None, map(_segment_problem, segments)), "")


def _segment_problem(segment: str) -> str:
    if segment in ("", ".", ".."):
        return "has an empty, `.` or `..` segment"
    if "\\" in segment or any(unicodedata.category(character).startswith("C") for character in segment):
        return "has a backslash, a control or an invisible formatting character"
    if len(segment.encode()) > _SEGMENT_MAX_BYTES:
        return f"has a segment longer than {_SEGMENT_MAX_BYTES} bytes"
    if segment.startswith(RESERVED_PREFIX):
        return f"uses a reserved name ({RESERVED_PREFIX}…)"
    if segment != segment.strip():
        return "has a segment that begins or ends with white space"
    return ""
