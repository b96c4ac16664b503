"""The application on a port of loopback, and a worker in a thread that plays whatever is submitted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn
from django.db import connection

from orchestration.engine.lease import KEEPER
from orchestration.models import Task
from orchestration.types import TASK_TERMINAL
from tests.integration.orchestration.playing import play

_START_SECONDS = 120.0
_LOOK_SECONDS = 0.02


@contextmanager
def serving(application: Any, *, lifespan: Literal["on", "off"] = "off") -> Iterator[str]:
    """Yield the address of the application for as long as the block."""
    config = uvicorn.Config(application, host="127.0.0.1", port=0, lifespan=lifespan, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    waited = threading.Event()
    for _ in range(int(_START_SECONDS / _LOOK_SECONDS)):
        if server.started:
            break
        waited.wait(_LOOK_SECONDS)
    assert server.started, "the application did not start; the log says why"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)


@contextmanager
def working() -> Iterator[None]:
    """Play every open task until the block ends."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(_LOOK_SECONDS):
                for task in Task.objects.exclude(status__in=TASK_TERMINAL).order_by("id"):
                    play(task.id)
        finally:
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_START_SECONDS)
        KEEPER.stop()
