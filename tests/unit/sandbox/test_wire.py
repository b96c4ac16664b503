"""Frames between a worker and its sandbox host."""

import json
import os
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from sandbox.host.wire import Frame, Wire, WireClosed, WireInvalid, WireTimeout

MEBIBYTE = 1024 * 1024


@pytest.fixture
def ends() -> Iterator[tuple[Wire, Wire]]:
    """Two wires that are connected to each other."""
    (read_a, write_b), (read_b, write_a) = os.pipe(), os.pipe()
    left = Wire(read_fd=read_a, write_fd=write_a, frame_max_bytes=8 * MEBIBYTE)
    right = Wire(read_fd=read_b, write_fd=write_b, frame_max_bytes=8 * MEBIBYTE)
    yield left, right
    for end in (left, right):
        end.close()


def soon() -> float:
    return time.monotonic() + 10


def test_a_frame_larger_than_the_pipe_arrives_whole(ends: tuple[Wire, Wire]) -> None:
    left, right = ends
    frame = Frame("run", {"guest": "python", "é": [1, None]}, [b"", b"a\0b", os.urandom(3 * MEBIBYTE)])
    sender = threading.Thread(target=left.send, args=(frame,), kwargs={"deadline": soon()})
    sender.start()
    assert right.receive(deadline=soon()) == frame
    sender.join()


def test_frames_that_arrive_together_are_read_one_by_one(ends: tuple[Wire, Wire]) -> None:
    left, right = ends
    frames = [Frame("call", {"name": "a"}, []), Frame("result", {}, [b"x" * 100_000, b""]), Frame("call", {}, [])]
    sender = threading.Thread(target=left.send, args=frames, kwargs={"deadline": soon()})
    sender.start()
    assert [right.receive(deadline=soon()) for _ in frames] == frames
    sender.join()


def test_what_has_arrived_is_seen_without_taking_it(ends: tuple[Wire, Wire]) -> None:
    left, right = ends
    assert not right.arrived(time.monotonic())
    left.send(Frame("call"), Frame("result"))
    for kind in ("call", "result"):
        assert right.arrived(time.monotonic())
        assert right.receive(deadline=soon()).kind == kind
    assert not right.arrived(time.monotonic())


def test_a_closed_pipe_is_told_from_a_slow_one(ends: tuple[Wire, Wire]) -> None:
    left, _ = ends
    with pytest.raises(WireTimeout):
        left.receive(deadline=time.monotonic())
    read_fd, write_fd = os.pipe()
    os.close(write_fd)
    with pytest.raises(WireClosed):
        Wire(read_fd=read_fd, write_fd=os.dup(read_fd), frame_max_bytes=1).receive(deadline=soon())


def test_one_that_does_not_read_is_not_waited_for_for_ever(ends: tuple[Wire, Wire]) -> None:
    with pytest.raises(WireTimeout):
        ends[0].send(Frame("run", {}, [bytes(MEBIBYTE)]), deadline=time.monotonic() + 0.05)


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("!IIQ", 2**32 - 1, 0, 0),
        struct.pack("!IIQ", 2, 2**32 - 1, 0),
        struct.pack("!IIQ", 2, 0, 2**63) + b"{}",
        struct.pack("!IIQ", 3, 0, 0) + b"\xff{}",
        struct.pack("!IIQ", 2, 0, 0) + b"[]",
        struct.pack("!IIQ", 2, 0, 0) + b"{}",
        struct.pack("!IIQ", 50_000, 0, 0) + b"[" * 50_000,
        struct.pack("!IIQ", 15, 0, 0) + b'{"kind": "run"}',
        struct.pack("!IIQ", 29, 0, 0) + b'{"kind": "run", "fields": []}',
    ],
)
def test_what_is_not_a_frame_is_refused_before_it_takes_memory(raw: bytes) -> None:
    read_fd, write_fd = os.pipe()
    pipe = Wire(read_fd=read_fd, write_fd=write_fd, frame_max_bytes=MEBIBYTE)
    for _ in range(2):  # also when it is what was there before
        os.write(write_fd, raw)
        with pytest.raises(WireInvalid):
            pipe.receive(deadline=soon())
    pipe.close()


@pytest.mark.parametrize("sizes", [[5], [2**64 - 1, 4], [1, 1], []])
def test_blob_sizes_that_do_not_add_up_are_refused(sizes: list[int]) -> None:
    head = json.dumps({"kind": "result", "fields": {}}).encode()
    packed = struct.pack(f"!{len(sizes)}Q", *sizes)
    read_fd, write_fd = os.pipe()
    pipe = Wire(read_fd=read_fd, write_fd=write_fd, frame_max_bytes=MEBIBYTE)
    os.write(write_fd, struct.pack("!IIQ", len(head), len(sizes), 3) + head + packed + b"abc")
    with pytest.raises(WireInvalid):
        pipe.receive(deadline=soon())
    pipe.close()


def test_heads_that_are_alike_are_read_once(ends: tuple[Wire, Wire]) -> None:
    left, right = ends
    left.send(Frame("run", {"guest": "python"}, [b"1"]), Frame("run", {"guest": "python"}, [b"2"]))
    first, second = right.receive(deadline=soon()), right.receive(deadline=soon())
    assert first.fields is second.fields
    assert (first.blobs, second.blobs) == ([b"1"], [b"2"])


def test_what_is_handed_on_to_others_is_shared_with_no_other_frame(ends: tuple[Wire, Wire]) -> None:
    left, right = ends
    left.send(Frame("call", {"arguments": [1]}), Frame("call", {"arguments": [1]}))
    right.receive(deadline=soon()).fields["arguments"].append(2)
    assert right.receive(deadline=soon()).fields == {"arguments": [1]}
