"""Which calls of one turn may be made at the same time: all, but those that could spoil each other's files."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings

from agents.errors import ToolNotFound
from agents.tools.base import FileUse
from agents.tools.call import Call
from agents.tools.registry import tool_for

_TOGETHER = frozenset({(FileUse.READS, FileUse.READS), (FileUse.RUNS, FileUse.RUNS)})


def stages(calls: Sequence[Call], *, tenant_id: UUID) -> list[list[Call]]:
    """Return the calls in their order, cut into runs whose calls may happen at the same time.

    A call that writes the session's files is apart from all that read or write them; programs, each of which works on
    a copy, may run side by side. At most `SHANNON_TOOL_CALLS_AT_ONCE` are in one run.
    """
    found: list[list[Call]] = []
    uses: list[FileUse] = []
    for call in calls:
        use = _use_of(call.name, tenant_id)
        fits = all(_is_free(use, other) for other in uses)
        if not found or not fits or len(found[-1]) >= settings.SHANNON_TOOL_CALLS_AT_ONCE:
            found.append([])
            uses = []
        found[-1].append(call)
        uses.append(use)
    return found


def _is_free(one: FileUse, other: FileUse) -> bool:
    return FileUse.NONE in (one, other) or (one, other) in _TOGETHER


def _use_of(name: str, tenant_id: UUID) -> FileUse:
    try:
        return tool_for(name, tenant_id=tenant_id).file_use
    except ToolNotFound:
        return FileUse.NONE  # the call will be told that there is no such tool
