"""Calls outside, found in what a program prints."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtimes.calls import CALL_MAX_BYTES, Call, Calls, CallScanner

MARK = b"\x06mark"
OUTPUT = st.binary(max_size=12).filter(lambda data: MARK not in data)
CALL = st.binary(max_size=12).filter(lambda data: b"\n" not in data)


def scanned(chunks: list[bytes]) -> tuple[bytes, list[bytes | None]]:
    scanner, printed, calls = CallScanner(MARK), b"", []
    for chunk in chunks:
        for found in scanner.feed(chunk):
            if isinstance(found, Call):
                calls.append(found.text)
            else:
                printed += found
    return printed + scanner.rest(), calls


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(stream) + 1) for place in places)
    return [stream[start:end] for start, end in zip([0, *ends], [*ends, len(stream)], strict=True)]


@given(st.lists(st.tuples(OUTPUT, CALL), max_size=4), OUTPUT, st.lists(st.integers(0, 200), max_size=8))
def test_calls_and_output_are_told_apart_wherever_the_stream_is_cut(
    parts: list[tuple[bytes, bytes]], last: bytes, places: list[int]
) -> None:
    stream = b"".join(output + MARK + call + b"\n" for output, call in parts) + last
    printed, calls = scanned(cut(stream, places))
    # An output that ends in the beginning of a mark may make it begin earlier: the program's own doing.
    if all(MARK not in (output + MARK)[:-1] for output, _ in parts):
        assert (printed, calls) == (b"".join(output for output, _ in parts) + last, [call for _, call in parts])


def test_a_call_that_is_too_long_is_told_without_its_text() -> None:
    long = MARK + bytes(CALL_MAX_BYTES + 1) + b"\nafter"
    assert scanned([long]) == (b"after", [None])
    assert scanned([long[n : n + 1000] for n in range(0, len(long), 1000)]) == (b"after", [None])


def test_a_call_that_never_ends_is_no_output() -> None:
    assert scanned([b"out" + MARK + b"begun"]) == (b"out", [])


@pytest.mark.parametrize("line", [b"no JSON", b"[" * 50_000, b'["one"]', b"{}", b"\xff", b"5"])
def test_what_is_no_call_is_answered_all_the_same(line: bytes) -> None:
    answers: list[bytes] = []

    async def answer(data: bytes) -> None:
        answers.append(data)

    def nobody(name: str, arguments: Any) -> dict[str, Any]:
        raise AssertionError((name, arguments))

    async def stream(calls: Calls) -> AsyncIterator[bytes]:
        yield b"before" + calls.mark.encode() + line + b"\nafter"

    async def run() -> bytes:
        calls = Calls(nobody, answer)
        return b"".join([piece async for piece in calls.printed(stream(calls))])

    assert asyncio.run(run()) == b"beforeafter"
    (found,) = answers
    assert int(found[:10]) == len(found) - 10
    assert "no call" in json.loads(found[10:])["error"]
