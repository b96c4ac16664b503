"""What the fast guest's start program says that a program left. It shares its interpreter with the program.

So the program may have had it say anything: what is said is checked, and believed only of the program itself.
"""

from base64 import b64decode
from typing import Any

from sandbox.runtimes.outcomes import FilesExceeded
from sandbox.types import ExecutionRequest, SandboxLimits

VFS_BYTES = 64 * 1024 * 1024  # pyeryx's own cap of a guest's files, which a caller cannot lower
_DIGITS_MAX = 3  # of an exit code


def said(result: object) -> dict[str, Any]:
    """Return what was said, by name; nothing when the program has kept it from being said."""
    if isinstance(result, str) and len(result) <= _DIGITS_MAX and result.isascii() and result.isdecimal():
        return {"exit_code": int(result)}
    return result if isinstance(result, dict) else {}


def files_left(
    left: dict[str, Any], request: ExecutionRequest, limits: SandboxLimits
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return changed and deleted files. The guest named them, so what they may be is checked here.

    Raises:
        FilesExceeded: They are more or larger than the limits allow, or make no sense: the program's fault.
    """
    if not request.files and left.keys() <= {"exit_code"}:
        return {}, ()
    if left.get("exceeded") == "file_bytes":
        raise FilesExceeded(f"they are larger than {VFS_BYTES} bytes together", limit="file_bytes")
    if left.get("exceeded"):
        raise FilesExceeded("it left too many or too deep folders", limit="file_count")
    try:
        changed = {str(path): b64decode(contents, validate=True) for path, contents in left.get("files", {}).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise FilesExceeded("its list of files makes no sense", limit="file_bytes") from error
    deleted = tuple(path for path in map(str, left.get("deleted", ())) if path in request.files)
    kept = {path: len(contents) for path, contents in request.files.items() if path not in deleted}
    kept |= {path: len(contents) for path, contents in changed.items()}
    if len(kept) > limits.file_count:
        raise FilesExceeded(f"it left more than {limits.file_count} files", limit="file_count")
    if sum(kept.values()) > limits.file_bytes:
        raise FilesExceeded(f"its files are larger than {limits.file_bytes} bytes together", limit="file_bytes")
    return changed, deleted
