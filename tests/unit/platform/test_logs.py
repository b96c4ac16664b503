"""What the log never shows."""

import subprocess
import sys

PROGRAM = """
import logging, logging.config, sys
from shannon_project.foundation.logs import logging_config
logging.config.dictConfig(logging_config(level="INFO", json_lines=True))
logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "127.0.0.1:9", sys.argv[1])
"""


def test_the_address_of_a_websocket_is_logged_without_the_key_in_it() -> None:
    address = "/api/v1/stream/ws?workflow_id=1&api_key=sk_secret"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, address], capture_output=True, text=True, check=True, timeout=60
    )
    assert "WebSocket /api/v1/stream/ws" in ran.stderr
    assert "sk_secret" not in ran.stderr
