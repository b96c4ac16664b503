"""Django behind ASGI: whatever is no coroutine goes to one thread once; what is sent piece by piece holds none."""

import asyncio
import threading
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from asgiref.sync import SyncToAsync
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from pytest_django import Settings

from shannon_project.foundation.serving import OneThreadHandler

ended: list[str] = []


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{threading.current_thread().name} {request.body.decode()}")


async def coroutine(_: HttpRequest) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def streamed(_: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield threading.current_thread().name.encode()
            await asyncio.Event().wait()
        finally:
            ended.append("stream")

    return StreamingHttpResponse(pieces())


def file(_: HttpRequest) -> FileResponse:
    return FileResponse(BytesIO(b"x" * 100_000))


def broken(_: HttpRequest) -> HttpResponse:
    raise ValueError("a defect")


urlpatterns = [
    path("plain", plain),
    path("coroutine", coroutine),
    path("streamed", streamed),
    path("file", file),
    path("broken", broken),
]
handler500 = "shannon_project.foundation.http.server_error"
handler404 = "shannon_project.foundation.http.not_found"


@pytest.fixture
def handler(settings: Settings) -> OneThreadHandler:
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["testserver"]
    ended.clear()
    return OneThreadHandler()


async def asked(handler: OneThreadHandler, place: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=handler)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.post(place, **more) if more else await client.get(place)


async def test_a_view_its_middleware_and_both_signals_are_one_call_in_a_thread(
    handler: OneThreadHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[object] = []

    async def counted(self: Any, *_args: Any, **_kwargs: Any) -> None:
        changes.append(self)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    answer = await asked(handler, "/plain")
    assert answer.text.startswith("request_")
    assert answer.headers["X-Request-ID"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert changes == []


async def test_a_body_reaches_its_view(handler: OneThreadHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "csrf_exempt", True, raising=False)
    answer = await asked(handler, "/plain", content=b"what is asked")
    assert answer.text.endswith(" what is asked")


async def test_a_coroutine_is_awaited_on_the_event_loop(handler: OneThreadHandler) -> None:
    assert (await asked(handler, "/coroutine")).text == threading.current_thread().name


async def test_a_file_is_sent_whole(handler: OneThreadHandler) -> None:
    assert len((await asked(handler, "/file")).content) == 100_000


@pytest.mark.parametrize(("place", "status", "code"), [("/broken", 500, "INTERNAL"), ("/nowhere", 404, "NOT_FOUND")])
async def test_what_goes_wrong_is_answered_in_the_envelope(
    handler: OneThreadHandler, place: str, status: int, code: str
) -> None:
    answer = await asked(handler, place)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_stream_is_sent_on_the_event_loop_and_ends_with_its_reader(handler: OneThreadHandler) -> None:
    sent: list[Any] = []
    has_piece = asyncio.Event()
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        if (request := next(requests, None)) is not None:
            return request
        await has_piece.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            has_piece.set()

    scope = {"type": "http", "method": "GET", "path": "/streamed", "headers": [(b"host", b"testserver")]}
    await handler({**scope, "query_string": b"", "http_version": "1.1"}, receive, send)
    assert [message.get("body") for message in sent if message.get("body")] == [
        threading.current_thread().name.encode()
    ]
    assert ended == ["stream"]
