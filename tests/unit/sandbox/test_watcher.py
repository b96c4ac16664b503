"""Looking after a guest that runs on the thread which has to answer for it. Each in a process of its own."""

import subprocess
import sys
import textwrap
from dataclasses import dataclass

BEGIN = """
import os, signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
from sandbox.runtimes.descriptors import Descriptors
from sandbox.runtimes.endings import Captured
from sandbox.runtimes.watcher import Watched, Watcher
from sandbox.types import Outcome

own_fd = os.dup(1)
looks = []
descriptors = Descriptors()
descriptors.redirect()
watcher = Watcher(descriptors)

def say(text):
    os.write(own_fd, text.encode() + b"\\n")

def gave_up(outcome):
    say(f"gave up: {outcome}")
    os._exit(0)

def run(program, limit_hit=lambda: None, output_bytes=1 << 24):
    captured = Captured(output_bytes), Captured(output_bytes)
    watched = Watched(captured, lambda: looks.append(1) or limit_hit(), gave_up)
    watcher.begin(watched)
    program()
    watcher.end(watched)
    return captured
"""


@dataclass
class Said:
    """What a process printed, and how it ended."""

    lines: list[str]
    exit_code: int


def process(code: str) -> Said:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False
    )
    assert not done.stderr
    return Said(done.stdout.splitlines(), done.returncode)


def test_a_program_that_prints_more_than_a_pipe_holds_is_not_held_back() -> None:
    said = process("""
        out, err = run(lambda: [os.write(1, b"x" * 50_000) for _ in range(20)] + [os.write(2, b"no")])
        say(f"{len(out.head)} {err.text()} {out.truncated}")
    """)
    assert said == Said(["1000000 no False"], 0)


def test_a_limit_ends_the_process_of_a_program_that_goes_on() -> None:
    said = process("""
        run(lambda: [time.sleep(0.01) for _ in range(10_000)], lambda: Outcome.TIMEOUT if len(looks) > 2 else None)
        say("not reached")
    """)
    assert said == Said(["gave up: timeout"], 0)


def test_a_flood_of_output_ends_it_too() -> None:
    said = process("""
        run(lambda: [os.write(1, b"x" * 1_000) for _ in range(10_000_000)], output_bytes=1_000_000)
        say("not reached")
    """)
    assert said == Said(["gave up: output_exceeded"], 0)


def test_a_program_that_waits_for_ever_is_looked_after() -> None:
    said = process("""
        import threading
        run(threading.Event().wait, lambda: Outcome.CPU_EXCEEDED if len(looks) > 1 else None)
    """)
    assert said == Said(["gave up: cpu_exceeded"], 0)


def test_what_one_run_printed_is_not_in_the_next() -> None:
    said = process("""
        for number in range(200):
            out, _ = run(lambda: [os.write(1, b"%d" % number), number % 20 or time.sleep(0.005)])
            assert out.text() == str(number), out
        descriptors.restore()
        os.write(1, b"own\\n")
        descriptors.redirect()
        out, _ = run(lambda: os.write(1, b"last"))
        say(out.text())
    """)
    assert said == Said(["own", "last"], 0)
