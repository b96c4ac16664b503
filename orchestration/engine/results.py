"""Reading what earlier steps found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.fields.json import KT
from django.db.models.functions import Left, Length

from agents.services import BlobRef, blob_heads
from agents.types import PersonMessage, SubtaskResult
from orchestration.models import Step
from orchestration.types import StepKind


def results_of(
    *, tenant_id: UUID, task_id: UUID, keys: Sequence[str], max_characters: int, names: Sequence[str] = ()
) -> list[SubtaskResult]:
    """Return how the steps with these keys ended, in the order in which they were made.

    Of each text only the beginning leaves the database, so that a join of a thousand long results takes no more memory
    than what is read of them. One query; one more if texts are stored as blobs.

    Args:
        tenant_id: Whose task it is.
        task_id: The task.
        keys: The steps.
        max_characters: How much of each text is wanted; the results say how long the whole is.
        names: Ids to show instead of the first keys, in the order of `keys`, and no titles: who judges results is then
            not told where they come from.
    """
    if not keys:
        return []
    rows = (
        Step.objects.filter(task_id=task_id, key__in=keys)
        .order_by("position")
        .values_list(
            "key",
            "title",
            "status",
            "error",
            Left(KT("output__text"), max_characters),
            Length(KT("output__text")),
            F("output__$blob__parts__/text"),
        )
    )
    found = list(rows)
    refs = {row[0]: BlobRef.from_json(row[6]) for row in found if row[6]}
    heads = blob_heads(tenant_id=tenant_id, digests={ref.digest for ref in refs.values()}, characters=max_characters)
    shown = dict(zip(keys, names, strict=False))
    results = [_result(row, refs.get(row[0]), heads) for row in found]
    return [
        replace(result, id=shown[row[0]], title="") if row[0] in shown else result
        for row, result in zip(found, results, strict=True)
    ]


def _result(row: Sequence[Any], ref: BlobRef | None, heads: Mapping[str, str]) -> SubtaskResult:
    key, title, status, error, text, characters, _ = row
    if ref is not None:
        # what was dropped with its month is told by its length
        text, characters = heads.get(ref.digest, ""), ref.characters
    return SubtaskResult(
        id=key.removeprefix("agent-"),
        title=title,
        status=status,
        text=text or "",
        error=str(error["message"]) if error else None,
        characters=characters,
    )


def messages_after(*, task_id: UUID, number: int) -> list[PersonMessage]:
    """Return what people said to a task after a message, oldest first; one query."""
    rows = Step.objects.filter(task_id=task_id, kind=StepKind.MESSAGE, output__number__gt=number).order_by("position")
    outputs = [dict(output or {}) for output in rows.values_list("output", flat=True)]
    return [PersonMessage(output["number"], output["text"], output["to"]) for output in outputs]
