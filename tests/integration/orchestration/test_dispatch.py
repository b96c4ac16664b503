"""Ringing while the broker is away: it fails at once and says so; nothing else does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import django
django.setup()
from orchestration.engine.dispatch import queued_messages, ring_advance, ring_advances, ring_line, ring_steps
from orchestration.engine.line import Turn
from orchestration.events.wake import wake_publish
from shannon_project.foundation.ids import uuid7
wake_publish({uuid7(): 1})
tenant_id = uuid7()
print(ring_advance(uuid7(), tenant_id), ring_advance(uuid7(), tenant_id, after_seconds=1.0))
print(ring_advances([Turn(uuid7(), tenant_id)]), ring_line(tenant_id))
print(ring_steps(uuid7(), tenant_id, [uuid7(), uuid7()]), ring_steps(uuid7(), tenant_id, [uuid7()]), queued_messages())
"""


def test_a_doorbell_that_cannot_be_rung_is_no_error() -> None:
    """In a process of its own, because Celery keeps the broker's address that it was first configured with."""
    environment = {**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0", "SHANNON_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == [*["False"] * 6, "None"], done.stderr[-2000:]
