"""Runs inside the supervisor (supervisord): keeps `stack.json` true and ends with its owner.

supervisord loads this as an RPC interface, its documented way to be extended.
"""

import json
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from supervisor import events
from supervisor.states import SupervisorStates

from shannon_project.stack.paths import private_write
from shannon_project.stack.ports import port_keep

_SETTLE_SECONDS = 0.2


class StackInterface:
    """The RPC namespace `stack`: the state file has one writer, this one."""

    def __init__(
        self,
        supervisord: Any,
        state_path: Path,
        owner: psutil.Process | None,
        ports_kept: Sequence[socket.socket | None] = (),
    ) -> None:
        """Subscribe to what happens to the processes.

        Args:
            supervisord: The running supervisor.
            state_path: Where `stack.json` goes.
            owner: A process whose end ends the stack; None for a stack that stays.
            ports_kept: What keeps the stack's ports from others; held for as long as the supervisor lives.
        """
        self._ports_kept = ports_kept
        self._supervisord = supervisord
        self._state_path = state_path
        self._owner = owner
        self._published: dict[str, Any] = {}
        signal.signal(signal.SIGALRM, lambda *_: self._write())
        events.subscribe(events.ProcessStateEvent, self._on_process)
        events.subscribe(events.Tick5Event, self._on_tick)
        events.subscribe(events.SupervisorStoppingEvent, self._on_stopping)

    def publish(self, state: str) -> bool:
        """Write `stack.json`: the JSON object that is given, and the pids; again whenever a pid changes."""
        self._published = json.loads(state)
        self._write()
        return True

    def _write(self) -> None:
        if self._published:
            # Without the timer's signal in between: its newer pids would be overwritten by these.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
            try:
                text = json.dumps({**self._published, "pids": self._pids()}, indent=2)
                private_write(self._state_path, text + "\n")
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])

    def _pids(self) -> dict[str, int]:
        groups = self._supervisord.process_groups.values()
        pids = {name: process.pid for group in groups for name, process in group.processes.items() if process.pid}
        return {"supervisor": os.getpid(), **pids}

    def _on_process(self, _event: Any) -> None:
        # The event of a start comes before the fork, when there is no pid yet, and the next one only when the process
        # has proven itself: so look again in a moment. A timer is not inherited by the child, a thread would be.
        signal.setitimer(signal.ITIMER_REAL, _SETTLE_SECONDS)

    def _on_tick(self, _event: Any) -> None:
        if self._owner is not None and _has_ended(self._owner):
            self._supervisord.options.mood = SupervisorStates.SHUTDOWN

    def _on_stopping(self, _event: Any) -> None:
        self._published = {}
        self._state_path.unlink(missing_ok=True)


def make_interface(supervisord: Any, state_path: str, owner_pid: str = "", ports: str = "") -> StackInterface:
    """Make the interface; supervisord calls this with the options of its `[rpcinterface:stack]` section.

    From here on the supervisor keeps the stack's ports, also while a process that listens on one is started again.
    """
    owner = None
    try:
        owner = psutil.Process(int(owner_pid)) if owner_pid else None
    except psutil.NoSuchProcess:
        # The owner ended before we were loaded: a stack that has one must not become one that stays.
        supervisord.options.mood = SupervisorStates.SHUTDOWN
    return StackInterface(supervisord, Path(state_path), owner, [port_keep(int(port)) for port in ports.split()])


def _has_ended(process: psutil.Process) -> bool:
    """Return whether a process does nothing any more: it is gone, or waits for a parent that never asks for it."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
