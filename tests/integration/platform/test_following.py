"""The client's patience: it ends when it was told to, and does not hammer a server that hangs up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Event, Thread
from time import monotonic

import pytest

from shannon_project.demo.client import ApiClient, FollowTimeout

Write = Callable[[bytes], object]


@contextmanager
def serving(answer: Callable[[Write], None]) -> Iterator[tuple[str, list[float]]]:
    """Serve event streams; give the address, and the list of the requests' times."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(monotonic())
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            answer(self.wfile.write)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_following_ends_in_time_although_only_heartbeats_come() -> None:
    given_up = Event()

    def heartbeats(write: Write) -> None:
        while not given_up.wait(0.05):
            write(b": heartbeat\n\n")

    with serving(heartbeats) as (address, _), ApiClient(address, "key") as client:
        began = monotonic()
        with pytest.raises(FollowTimeout):
            list(client.follow("t", timeout_seconds=0.5))
        took_seconds = monotonic() - began
        given_up.set()
    assert 0.5 <= took_seconds < 25  # and not the half minute that a read may take


def test_following_ends_in_time_although_nothing_comes() -> None:
    given_up = Event()

    def silence(_write: Write) -> None:
        given_up.wait(30)

    with serving(silence) as (address, _), ApiClient(address, "key") as client:
        began = monotonic()
        with pytest.raises(FollowTimeout):
            list(client.follow("t", timeout_seconds=0.5))
        took_seconds = monotonic() - began
        given_up.set()
    assert 0.5 <= took_seconds < 25  # and not the half minute that a read may take


def test_a_stream_that_ends_early_is_asked_for_again_after_a_pause_until_the_end_comes() -> None:
    events = iter([b"id: 1\ndata: {}\n\n", b"", b"event: done\nid: 2\ndata: {}\n\n"])

    def next_event(write: Write) -> None:
        write(next(events))

    with serving(next_event) as (address, asked), ApiClient(address, "key") as client:
        assert [event.seq for event in client.follow("t", timeout_seconds=60)] == [1, 2]
    pauses_seconds = [later - earlier for earlier, later in pairwise(asked)]
    assert len(pauses_seconds) == 2
    assert min(pauses_seconds) > 0.4
