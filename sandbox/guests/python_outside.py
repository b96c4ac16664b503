"""Runs inside the guest, before a program that may make calls outside: gives it `urllib.request` by such calls.

A call is a line on standard output that begins with the run's mark; its answer arrives on standard input.
"""

import base64
import email.message
import io
import json
import os
import sys
import urllib.error
import urllib.request
import urllib.response
from typing import Any


def _begin(mark: str, stdin: bytes) -> None:
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)), encoding="utf-8", errors="surrogateescape")

    def read(size_bytes: int) -> bytes:
        data = b""
        while len(data) < size_bytes:
            data += os.read(0, size_bytes - len(data))
        return data

    def call(name: str, arguments: dict[str, Any]) -> Any:
        sys.stdout.flush()
        line = f"{mark}{json.dumps([name, arguments])}\n".encode()
        while line:
            line = line[os.write(1, line) :]
        answer = json.loads(read(int(read(10))))
        if "error" in answer:
            raise urllib.error.URLError(answer["error"])
        return answer["value"]

    class Outside(urllib.request.BaseHandler):
        def http_open(self, request: Any) -> Any:
            found = call(
                "fetch",
                {"url": request.full_url, "method": request.get_method(), "headers": dict(request.header_items())},
            )
            headers = email.message.Message()
            for name, value in found["headers"].items():
                headers[name] = value
            content = base64.b64decode(found["base64"]) if "base64" in found else found["text"].encode()
            response = urllib.response.addinfourl(io.BytesIO(content), headers, found["url"], found["status"])
            response.msg = found["reason"]  # type: ignore[attr-defined]  # as `http.client` names it
            return response

        https_open = http_open

    opener = urllib.request.OpenerDirector()
    for handler in (Outside, urllib.request.HTTPErrorProcessor, urllib.request.HTTPDefaultErrorHandler):
        opener.add_handler(handler())
    opener.add_handler(urllib.request.UnknownHandler())
    urllib.request.install_opener(opener)
