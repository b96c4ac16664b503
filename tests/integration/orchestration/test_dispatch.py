"""Ringing while the broker is away: it fails at once and says so; nothing else does."""

import json
import os
import subprocess
import sys
from pathlib import Path

from orchestration.engine.dispatch import MESSAGES_OF_A_CHORD, dealt
from shannon_project.foundation.ids import uuid7

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


SENDING = """
import json
from base64 import b64decode
import django
django.setup()
from redis.connection import AbstractConnection
from orchestration.engine.dispatch import ring_advance, ring_steps
from orchestration.engine.line import broker_client
from shannon_project.foundation.ids import uuid7

broker = broker_client()
broker.flushdb()
sends, send = [0], AbstractConnection.send_packed_command

def counted(self, *args, **kwargs):
    sends[0] += 1
    return send(self, *args, **kwargs)

AbstractConnection.send_packed_command = counted
task_id, tenant_id, steps = uuid7(), uuid7(), [uuid7() for _ in range(100)]
ring_steps(task_id, tenant_id, steps[:1])  # connects and asks what the server is
broker.flushdb()
sends[0] = 0
rung = ring_steps(task_id, tenant_id, steps)
sent = sends[0]
queued = [json.loads(message) for message in reversed(broker.lrange("steps", 0, -1))]
bodies = [json.loads(b64decode(message["body"])) for message in queued]
sent_for = [[body[1]["first"], *body[1].get("others", ())] for body in bodies]
print(json.dumps({
    "rung": rung,
    "sends": sent,
    "in_order": [step for some in sent_for for step in some] == [str(step) for step in steps],
    "shares": sorted({len(some) for some in sent_for}),
    "chords": sorted({(body[2]["chord"]["task"], one["headers"]["group"]) for body, one in zip(bodies, queued)}),
    "ids": len({message["headers"]["id"] for message in queued}),
    "size": [int(broker.get(key)) for key in broker.keys("*.s")],
}))
"""


def test_a_wide_chord_has_few_messages_for_many_steps_each_and_they_go_together() -> None:
    """In a process and a database of its own: others ring too."""
    address = os.environ["REDIS_URL"].rpartition("/")[0] + "/9"
    environment = {**os.environ, "REDIS_URL": address, "SHANNON_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", SENDING],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["rung"]
    assert told["in_order"]
    assert told["shares"] == [3, 4]
    assert told["ids"] == MESSAGES_OF_A_CHORD
    assert [task for task, _ in told["chords"]] == ["orchestration.jobs.advance"]
    assert told["size"] == [MESSAGES_OF_A_CHORD]
    # 32 messages and what is told of them, and the chord's size: one by one they took over 64
    assert told["sends"] <= 4


def test_each_step_of_a_narrow_task_has_a_message_by_which_it_is_seen_in_flower() -> None:
    steps = [uuid7() for _ in range(MESSAGES_OF_A_CHORD)]
    assert dealt(steps, MESSAGES_OF_A_CHORD) == [[step] for step in steps]
    assert dealt(steps[:3], MESSAGES_OF_A_CHORD) == [[step] for step in steps[:3]]
    assert dealt([], MESSAGES_OF_A_CHORD) == []
    more = [*steps, uuid7()]
    shares = dealt(more, MESSAGES_OF_A_CHORD)
    assert sorted(map(len, shares)) == [*[1] * (MESSAGES_OF_A_CHORD - 1), 2]
    assert [step for share in shares for step in share] == more
