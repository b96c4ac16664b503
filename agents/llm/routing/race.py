"""Two models asked for one answer: the second when the first has said nothing for a while; the first to speak wins."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agents.llm.base import OnDelta
from agents.llm.routing.trial import Trial
from agents.llm.types import ModelReply
from shannon_project.foundation.errors import ShannonError

_LOOK_SECONDS: Final = 0.25  # how long a cancelled step may go on waiting


class RaceLost(ShannonError):
    """Another model answered first; what this one says is not read."""

    code = "HEDGE_LOST"


@dataclass(slots=True)
class _Runner:
    """A trial in a thread of its own, and how it ended."""

    trial: Trial
    reply: ModelReply | None = None
    error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        return self.reply is not None or self.error is not None


@dataclass(slots=True)
class Race:
    """Runs a trial, and a second one when the first is silent for too long.

    Attributes:
        second: Makes the second trial; None: there is no turn for it now.
        hedge_after_seconds: How long the first may be silent.
        timeout_seconds: For each of them.
        checkpoint: Asked while waiting; what it raises ends the race.
        on_delta: Where the winner's text goes; None: answers come whole.
    """

    second: Callable[[], Trial | None]
    hedge_after_seconds: float
    timeout_seconds: float
    checkpoint: Callable[[], None]
    on_delta: OnDelta | None
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _runners: list[_Runner] = field(default_factory=list)
    _winner: _Runner | None = None
    _is_left: bool = False

    def run(self, first: Trial) -> ModelReply:
        """Return the winner's answer; every trial's `attempt` is set when this returns or raises.

        Raises:
            Exception: The winner's failure, or the first one's when both failed, or what `checkpoint` raised.
        """
        try:
            self._start(first)
            if not self._wait(self._is_decided, self.hedge_after_seconds):
                other = self.second()
                if other is not None:
                    self._start(other)
            self._wait(self._is_decided, None)
            winner = self._winner or self._runners[0]
            self._wait(lambda: winner.is_over, None)
        except BaseException:
            self._leave(None)
            raise
        self._leave(winner)
        if winner.reply is None:
            raise winner.error or RuntimeError("a race ended without an end")
        return winner.reply

    def trials(self) -> list[Trial]:
        """Return the trials that were begun, in order."""
        return [runner.trial for runner in self._runners]

    def _start(self, trial: Trial) -> None:
        runner = _Runner(trial)
        if trial.on_delta is not None:
            trial.on_delta = lambda text: self._tell(runner, text)
        self._runners.append(runner)
        threading.Thread(target=self._work, args=(runner,), name="model-race", daemon=True).start()

    def _work(self, runner: _Runner) -> None:
        try:
            reply, error = runner.trial.run(self.timeout_seconds), None
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the answer is waited for
            reply, error = None, raised
        with self._changed:
            runner.reply, runner.error = reply, error
            if reply is not None and self._winner is None:
                self._winner = runner
            self._changed.notify_all()

    def _tell(self, runner: _Runner, text: str) -> None:
        """Hand on what the winner says; who speaks first wins."""
        with self._changed:
            if self._is_left or (self._winner is not None and self._winner is not runner):
                raise RaceLost
            if self._winner is None:
                self._winner = runner
                self._changed.notify_all()
        if self.on_delta is not None:
            self.on_delta(text)

    def _is_decided(self) -> bool:
        return self._winner is not None or all(runner.is_over for runner in self._runners)

    def _wait(self, condition: Callable[[], bool], seconds: float | None) -> bool:
        """Wait until it holds, or so long; return whether it holds."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            self.checkpoint()
            left = _LOOK_SECONDS if end is None else min(_LOOK_SECONDS, end - time.monotonic())
            with self._changed:
                if self._changed.wait_for(condition, timeout=max(0.0, left)):
                    return True
            if end is not None and time.monotonic() >= end:
                return False

    def _leave(self, winner: _Runner | None) -> None:
        """Account for those that are not waited for: they are billed for what they were asked, and may say as much."""
        with self._changed:
            self._is_left = True
        said = winner.reply.completion_tokens if winner is not None and winner.reply is not None else 0
        for runner in self._runners:
            if runner is not winner:
                runner.trial.give_up(RaceLost.code, least_completion_tokens=said)
