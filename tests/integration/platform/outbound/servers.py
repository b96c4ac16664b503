"""Servers of the guard's tests: a web server that records and misbehaves, and a name server that changes its mind."""

import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dns.message
import dns.rrset


class Site(ThreadingHTTPServer):
    """A web server; `seen` holds `(method, path, headers, body)` of each request."""

    daemon_threads = True

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), _Handler)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.redirect_to = ""
        self.stopping = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, headers, self.rfile.read(length)))
        {
            "/redirect": self._redirect,
            "/loop": self._loop,
            "/big": self._big,
            "/bomb": self._bomb,
            "/drip": self._drip,
        }.get(self.path, self._page)()

    do_GET = do_POST = do_HEAD = _answer  # noqa: N815 - the names that the standard library looks for

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _page(self) -> None:
        body = "<html><body><h1>Grüße</h1><p>A <a href='/next'>link</a>.</p></body></html>".encode("latin-1")
        self._send(200, body, Content_Type="text/html; charset=iso-8859-1")

    def _redirect(self) -> None:
        self._send(302, b"", Location=self.server.redirect_to)

    def _loop(self) -> None:
        self._send(302, b"", Location="/loop")

    def _big(self) -> None:
        self._send(200, b"x" * 3_000_000)

    def _bomb(self) -> None:
        compressor = zlib.compressobj(wbits=31)
        self._send(200, compressor.compress(b"\0" * 50_000_000) + compressor.flush(), Content_Encoding="gzip")

    def _drip(self) -> None:
        """Send headers a byte at a time, faster than any timeout of a single read, for ever."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            while not self.server.stopping.wait(0.05):
                self.wfile.write(b"a")
                self.wfile.flush()
        except OSError:
            return  # the client has gone, as it should

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def site(address: str = "127.0.0.1") -> Iterator[Site]:
    server = Site(address)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()


class NameServer:
    """Answers A questions: each name's next address in turn, the last one again and again. `asked` has the names."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self._answers = {name: list(addresses) for name, addresses in answers.items()}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                data, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            query = dns.message.from_wire(data)
            name = query.question[0].name.to_text(omit_final_dot=True)
            answer = dns.message.make_response(query)
            if query.question[0].rdtype == 1:
                self.asked.append(name)
                addresses = self._answers.get(name, [])
                if addresses:
                    address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
                    answer.answer.append(dns.rrset.from_text(query.question[0].name, 0, "IN", "A", *address.split()))
            self._socket.sendto(answer.to_wire(), sender)

    def close(self) -> None:
        host, port = self.address.split(":")
        self._socket.sendto(b"", (host, int(port)))
        self._thread.join(5)
        self._socket.close()


@contextmanager
def name_server(answers: dict[str, list[str]]) -> Iterator[NameServer]:
    server = NameServer(answers)
    try:
        yield server
    finally:
        server.close()
