"""The processes of a cluster: born of one that has loaded everything, and the test's to stop and kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.acceptance.conftest import REPOSITORY, wait_until


@dataclass(frozen=True, slots=True)
class Child:
    """A process of the cluster."""

    name: str
    process: psutil.Process

    @property
    def lives(self) -> bool:
        """Whether it runs or stands still."""
        with suppress(psutil.NoSuchProcess):
            return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        return False

    def kill(self) -> None:
        """Kill it with SIGKILL, and what it started, and wait for its end."""
        with suppress(psutil.NoSuchProcess):
            self.process.kill()
        self.wait_dead()

    def wait_dead(self) -> None:
        """Wait until it is gone."""
        wait_until(lambda: not self.lives, f"{self.name} has died")

    def wait_stopped(self) -> None:
        """Wait until it stands still."""
        wait_until(lambda: self.process.status() == psutil.STATUS_STOPPED, f"{self.name} has stopped")

    def stop(self) -> None:
        """Make it stand still."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)


class Children:
    """The nursery (`nursery.py`) and all that were born there."""

    def __init__(self) -> None:
        self._born: list[Child] = []
        self._nursery: subprocess.Popen[str] | None = None
        self._log = Path()

    def nursery_start(self, environment: Mapping[str, str], log: Path) -> None:
        """Start the nursery; it loads while others prepare."""
        self._log = log
        with log.open("ab") as file:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", "tests.acceptance.faults.nursery"], cwd=REPOSITORY, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, env={**os.environ, **environment},
            )  # fmt: skip

    def nursery_await(self) -> None:
        """Wait until the nursery has loaded everything."""
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        assert self._nursery.stdout.readline() == "ready\n", self._log.read_text()

    def born(self, role: str, **asked: Any) -> Child:
        """Have a process born, a worker or a web server; it is not ready yet.

        Args:
            role: `worker` or `web`.
            asked: What the nursery is told of it.
        """
        number = asked.get("port") or len(self._born)
        name = f"{role}-{number}"
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps({"role": role, "name": name, **asked}) + "\n")
        self._nursery.stdin.flush()
        child = Child(name, psutil.Process(int(self._nursery.stdout.readline())))
        self._born.append(child)
        return child

    def end(self) -> None:
        """Kill all of them, and the nursery."""
        for child in self._born:
            with suppress(psutil.NoSuchProcess):
                child.process.kill()
        if self._nursery is not None:
            self._nursery.kill()
            self._nursery.wait()
