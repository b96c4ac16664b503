"""A process that asked servers ends quietly: its connections are closed."""

import subprocess
import sys
from pathlib import Path

from tests.provider import fault_provider

ROOT = Path(__file__).resolve().parents[4]
ASKS = """
import sys
from functools import partial
from agents.llm.timeouts import CallTimeouts
from agents.llm.wire.bridge import result_of
from agents.llm.wire.exchange import whole_read
from agents.llm.wire.request import WireRequest

request = WireRequest(sys.argv[1] + "/chat/completions", {}, {"model": "m", "messages": []})
print(result_of(partial(whole_read, request, CallTimeouts(60, 60, 60, 60)))["object"], flush=True)
"""


def test_connections_are_closed_when_the_process_ends() -> None:
    with fault_provider() as provider:
        ended = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-c", ASKS, provider.base_url],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert (ended.returncode, ended.stdout) == (0, "chat.completion\n")
    assert "Unclosed" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
