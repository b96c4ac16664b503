"""Copying the beginning of a step's journal into another step, which then goes on from there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.blobs.packing import digests_in, value_pack
from agents.blobs.storing import blobs_keep
from agents.journal.bounds import storable_json
from agents.models import JournalEntry
from agents.types import JournalStatus, ToolResult

COPIED_ATTEMPT = 0
"""The attempt of a copied entry: before the step's first one, so it is read like any other and counted by none."""


@dataclass(frozen=True, slots=True)
class EntryOutline:
    """What a journal says of one effect without what was asked and answered."""

    position: int
    kind: str
    status: str


def journal_outline(step_id: UUID) -> list[EntryOutline]:
    """Return a step's recorded effects, in order; those after the first that has not ended are left out."""
    rows = JournalEntry.objects.filter(step_id=step_id).order_by("position").values_list("position", "kind", "status")
    outline: list[EntryOutline] = []
    for position, kind, status in rows:
        if position != len(outline) or status == JournalStatus.STARTED:
            break
        outline.append(EntryOutline(position, kind, status))
    return outline


def journal_copy(
    *,
    tenant_id: UUID,
    source_step_id: UUID,
    step_id: UUID,
    task_id: UUID,
    below: int,
    tool_outputs: Mapping[int, Any],
) -> Sequence[JournalEntry]:
    """Copy a step's entries below a position into the journal of a step that has none; two queries.

    One more where entries refer to blobs, which are kept for the copies.

    Args:
        tenant_id: Whose both steps are.
        source_step_id: Whose entries are copied.
        step_id: The step that will be run against them.
        task_id: Its task.
        below: First position that is not copied.
        tool_outputs: By position: what the tool at that place is made to have answered.

    Returns:
        The copies, with what the originals used.
    """
    copies = list(JournalEntry.objects.filter(step_id=source_step_id, position__lt=below).order_by("position"))
    for entry in copies:
        entry.pk = None
        entry._state.adding = True
        entry.step_id, entry.task_id, entry.attempt = step_id, task_id, COPIED_ATTEMPT
        if entry.position in tool_outputs:
            answered = ToolResult(ok=True, output=tool_outputs[entry.position])
            stored, size_bytes = storable_json(answered.as_json())
            entry.response = value_pack(tenant_id, stored, size_bytes=size_bytes)
            entry.error, entry.status = None, JournalStatus.FINISHED
    values = [value for entry in copies for value in (entry.request, entry.response)]
    blobs_keep(tenant_id=tenant_id, digests=digests_in(values))
    return JournalEntry.objects.bulk_create(copies)
