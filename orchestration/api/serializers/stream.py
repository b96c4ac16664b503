"""The query strings of the event stream."""

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer
from shannon_project.foundation.errors import InvalidInput


class StreamQuery(StrictSerializer):
    """What to send, and from where on."""

    types = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=2000, help_text="Event types, comma-separated."
    )
    last_event_id = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=20,
        help_text="Send what came after this event; the header `Last-Event-ID` means the same and comes first.",
    )


class WorkflowStreamQuery(StreamQuery):
    """Whose events to send."""

    workflow_id = serializers.CharField(max_length=200, help_text="The task's id.")


def last_seq_of(text: str) -> int:
    """Return the number in a `Last-Event-ID`; 0 when there is none.

    Raises:
        InvalidInput: It is not the id of an event (the caller's fault).
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise InvalidInput("last_event_id must be the `id` of an event of this stream: a whole number.")
    return int(text)
