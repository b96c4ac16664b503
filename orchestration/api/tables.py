"""Long tables as CSV, sent while they are read, so that no table is too long for the memory."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.db import connection

ROWS_EACH: Final = 500
_AHEAD: Final = 4  # pieces that are read before they are sent


async def csv_pieces(
    columns: Sequence[str], read: Callable[[], Iterable[Sequence[Any]]]
) -> AsyncGenerator[bytes, None]:
    """Yield a table as CSV (RFC 4180), its heading first.

    Args:
        columns: The heading.
        read: Returns the rows; it is called and read in a thread of its own, with a database connection of its own.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_AHEAD)
    left = False

    def put(piece: bytes | Exception | None) -> None:
        asyncio.run_coroutine_threadsafe(pieces.put(piece), loop).result()

    def produce() -> None:
        try:
            put(_csv([columns]))
            rows = iter(read())
            while not left and (some := list(islice(rows, ROWS_EACH))):
                put(_csv(some))
            put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the table is sent
            put(error)
        finally:
            connection.close()

    producer = asyncio.ensure_future(sync_to_async(produce, thread_sensitive=False)())
    try:
        while (piece := await pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        left = True
        while not producer.done():  # it may wait for room
            with suppress(asyncio.QueueEmpty):
                pieces.get_nowait()
            await asyncio.sleep(0)
            await asyncio.wait([producer], timeout=0.05)
        with suppress(CancelledError):
            producer.exception()


def cells(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> Iterator[list[Any]]:
    """Yield the rows' values in the order of the columns. What a spreadsheet would take for a formula is quoted."""
    for row in rows:
        yield [_safe(row[column]) for column in columns]


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
