"""How events look on the wire."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from shannon.models import EventType

from orchestration.api.serializers.stream import last_seq_of
from orchestration.api.sse import DELTA_NAME, STREAM_NAMES, delta_frame, done_frame, event_frame, kinds_wanted
from orchestration.events.follow import Delta
from orchestration.models import Event
from orchestration.types import EventKind
from shannon_project.foundation.errors import InvalidInput

TASK_ID = UUID("00000000-0000-7000-8000-000000000001")


def event(kind: str, message: str = "", **payload: object) -> Event:
    """Return an event that is in no database."""
    return Event(
        task_id=TASK_ID,
        seq=7,
        kind=kind,
        message=message,
        payload=payload,
        step_key="s1",
        agent_id="a1",
        created_at=datetime(2030, 1, 2, tzinfo=UTC),
    )


def fields(frame: bytes) -> dict[str, str]:
    """Return the fields of one message."""
    assert frame.endswith(b"\n\n")
    return dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind != EventKind.STREAM_END])
def test_a_message_has_the_number_the_name_and_the_event(kind: EventKind) -> None:
    message = fields(event_frame(event(kind, "hello", n=1)))
    assert (message["id"], message["event"]) == ("7", STREAM_NAMES.get(kind, kind))
    body = json.loads(message["data"])
    assert (body["seq"], body["stream_id"], body["workflow_id"]) == (7, "7", str(TASK_ID))
    assert (body["message"], body["payload"], body["agent_id"]) == ("hello", {"n": 1}, "a1")
    assert body["timestamp"] == "2030-01-02T00:00:00+00:00"


def test_the_last_message_is_done() -> None:
    assert event_frame(event("STREAM_END")) == done_frame(7) == b"id: 7\nevent: done\ndata: [DONE]\n\n"


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\u2028b\u2029c\x85d\x0be", "[DONE]\n\nevent: done", "\U0001f600"])
def test_no_text_can_break_a_message(text: str) -> None:
    frame = event_frame(event("LLM_OUTPUT", text, text=text))
    assert frame.isascii()
    assert frame.decode().splitlines() == frame.decode().split("\n")[:-1]
    assert json.loads(fields(frame)["data"])["response"] == text


def test_a_delta_has_no_number_so_it_does_not_move_the_readers_place() -> None:
    message = fields(delta_frame(TASK_ID, Delta("Hel", "s1", "a1")))
    assert "id" not in message
    body = json.loads(message["data"])
    assert (message["event"], body["delta"], body["message"]) == (DELTA_NAME, "Hel", "Hel")


@pytest.mark.parametrize(
    ("types", "kinds"),
    [
        ("", None),
        (" , ", None),
        ("LLM_OUTPUT", {"LLM_OUTPUT"}),
        ("thread.message.completed,done", {"LLM_OUTPUT", "STREAM_END"}),
        ("LLM_PARTIAL", {DELTA_NAME}),
        ("thread.message.delta", {DELTA_NAME}),
        ("workflow.cancelled", {"WORKFLOW_CANCELLED"}),
        ("APPROVAL_REQUESTED", {"APPROVAL_REQUESTED"}),
    ],
)
def test_a_filter_takes_kinds_and_names_on_the_stream(types: str, kinds: set[str] | None) -> None:
    assert kinds_wanted(types) == kinds


def test_every_type_of_the_official_client_is_a_known_filter() -> None:
    assert kinds_wanted(",".join(item.value for item in EventType))


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(InvalidInput, match="NONSENSE"):
        kinds_wanted("LLM_OUTPUT,NONSENSE")


@pytest.mark.parametrize(("text", "seq"), [("", 0), ("0", 0), ("17", 17)])
def test_a_last_event_id_is_a_number(text: str, seq: int) -> None:
    assert last_seq_of(text) == seq


@pytest.mark.parametrize("text", ["x", "-1", "1.0", "²", " 1", "1" * 11, "1700000000000-0"])
def test_another_last_event_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="last_event_id"):
        last_seq_of(text)
