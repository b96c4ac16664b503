"""A handle on the supervisor (supervisord): start it, ask it, stop it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, cast
from xmlrpc.client import Error, Fault, ServerProxy

import psutil
from supervisor.xmlrpc import Faults

from shannon_project.settings.env import BASE_DIR, child_environment
from shannon_project.stack.errors import StackNotHealthy
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.roles import APP_GROUP
from shannon_project.stack.state import StackState

STACK_VARIABLE = "SHANNON_STACK"  # every process of a stack carries its folder's path in this variable

_ANSWER_TIMEOUT_SECONDS = 15.0
_STOP_TIMEOUT_SECONDS = 45.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What the supervisor says of one role; `state` is one of supervisord's names, for example RUNNING or FATAL."""

    role: str
    state: str
    pid: int
    message: str

    @property
    def is_up(self) -> bool:
        """True while the process runs, whether or not it has proven itself."""
        return self.pid != 0 and self.state in ("STARTING", "RUNNING")


class SupervisorClient:
    """Talks to a running supervisor over its RPC."""

    def __init__(self, url: str) -> None:
        """Make a client; `url` carries the user and the password."""
        self.url = url
        self._proxy: Any = ServerProxy(f"{url}/RPC2", allow_none=True)

    def answers(self) -> bool:
        """Return whether the supervisor is there."""
        with suppress(OSError, Error, HTTPException):
            return bool(self._proxy.supervisor.getState()["statename"] == "RUNNING")
        return False

    def wait(self, process: "subprocess.Popen[bytes]", log_path: Path) -> None:
        """Wait until the supervisor answers.

        Raises:
            StackNotHealthy: It ended, or did not answer in 15 s.
        """
        deadline = monotonic() + _ANSWER_TIMEOUT_SECONDS
        while not self.answers():
            if process.poll() is not None or monotonic() > deadline:
                raise StackNotHealthy(f"The supervisor did not start; see {log_path}.")
            Event().wait(_POLL_SECONDS)

    def start(self, *roles: str) -> None:
        """Start processes of ours; waits for nothing.

        Raises:
            StackNotHealthy: The supervisor does not answer, or cannot start one.
        """
        for role in roles:
            with _asked(f"to start {role}"):
                self._proxy.supervisor.startProcess(f"{APP_GROUP}:{role}", False)

    def stop(self, *roles: str) -> None:
        """Stop processes of ours and wait for their end; one that does not run is stopped already.

        Raises:
            StackNotHealthy: The supervisor does not answer, or cannot stop one.
        """
        for role in roles:
            with _asked(f"to stop {role}"):
                try:
                    self._proxy.supervisor.stopProcess(f"{APP_GROUP}:{role}")
                except Fault as fault:
                    if fault.faultCode != Faults.NOT_RUNNING:
                        raise

    def publish(self, state: StackState) -> None:
        """Have `stack.json` written; the supervisor adds the pids and keeps them true.

        Raises:
            StackNotHealthy: The supervisor does not answer, or cannot write it.
        """
        with _asked("to write stack.json"):
            self._proxy.stack.publish(json.dumps(state.as_json()))

    def reports(self) -> dict[str, ProcessReport]:
        """Return what every process does, by role.

        Raises:
            StackNotHealthy: The supervisor does not answer.
        """
        with _asked("what runs"):
            rows = cast("list[dict[str, Any]]", self._proxy.supervisor.getAllProcessInfo())
        return {
            row["name"]: ProcessReport(row["name"], row["statename"], row["pid"], row["description"]) for row in rows
        }


@contextmanager
def _asked(what: str) -> Iterator[None]:
    """Turn what goes wrong with a question to the supervisor into an error of ours."""
    try:
        yield
    except Fault as exc:
        raise StackNotHealthy(f"The supervisor was asked {what} and refused: {exc.faultString}.") from exc
    except (OSError, Error, HTTPException) as exc:
        raise StackNotHealthy(
            f"The supervisor was asked {what} and does not answer: {exc}. `make down`, then `make up`."
        ) from exc


def supervisor_spawn(paths: StackPaths, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start the supervisor in a session of its own, so that a terminal's Ctrl-C does not reach it."""
    paths.log_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(paths.supervisor_config)]
    with paths.log("supervisor").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 the command is ours
            command, cwd=BASE_DIR, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            start_new_session=True, env=child_environment(**environment, **{STACK_VARIABLE: str(paths.local_dir)}),
        )  # fmt: skip


def supervisor_process(paths: StackPaths) -> psutil.Process | None:
    """Return the stack's supervisor, or None when it does not run; a pid that another program has is none."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((paths.local_dir / "supervisor.pid").read_text()))
        if process.status() != psutil.STATUS_ZOMBIE and str(paths.supervisor_config) in process.cmdline():
            return process
    return None


def supervisor_stop(process: psutil.Process) -> None:
    """Have the supervisor stop everything and end; by force when that takes longer than 45 s."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()


def leftovers_of(paths: StackPaths) -> list[psutil.Process]:
    """Return the processes that carry this stack's mark although their supervisor may be gone."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(STACK_VARIABLE) == str(paths.local_dir) and process.pid != psutil.Process().pid:
                found.append(process)
    return found


def leftovers_stop(paths: StackPaths) -> list[int]:
    """Stop what a killed supervisor left behind; servers get the time to flush their data.

    Returns:
        The pids that were stopped.
    """
    left = [process for process in leftovers_of(paths) if process.is_running()]
    for process in left:
        with suppress(psutil.Error):
            # Postgres flushes on SIGINT (fast shutdown); on SIGTERM it waits for its clients.
            process.send_signal(2 if process.name() == "postgres" else 15)
    _, alive = psutil.wait_procs(left, timeout=10)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)
    return [process.pid for process in left]
