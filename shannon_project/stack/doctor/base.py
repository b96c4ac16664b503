"""The shape of a check."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from shannon_project.foundation.errors import ShannonError
from shannon_project.settings.env import GivenServers
from shannon_project.stack.paths import StackPaths
from shannon_project.stack.state import StackState


class Verdict(StrEnum):
    """What a check found. Only `WRONG` makes the doctor's exit code 1."""

    FINE = "fine"
    WRONG = "wrong"
    NOT_RUNNING = "not running"  # the stack is down, so there is nothing to ask


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found; `advice` says what to do when it is wrong."""

    check_id: str
    title: str
    verdict: Verdict
    finding: str
    advice: str = ""


class Complaint(ShannonError):
    """Something is wrong with the installation."""

    code = "COMPLAINT"

    def __init__(self, finding: str, advice: str = "") -> None:
        """Make a complaint.

        Args:
            finding: What is wrong.
            advice: What to do, when the check's own advice does not fit.
        """
        super().__init__(finding)
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Patient:
    """What the checks look at; `state` is None while the stack is down."""

    paths: StackPaths
    state: StackState | None

    @property
    def stack(self) -> StackState:
        """The running stack.

        Raises:
            Complaint: It is down; checks that need it are not made then.
        """
        if self.state is None:
            raise Complaint("the stack is down")
        return self.state

    @property
    def database_url(self) -> str:
        """The stack's database, or the one that was given; empty when there is neither."""
        return self.state.database_url if self.state else GivenServers().database_url

    @property
    def broker_url(self) -> str:
        """The stack's broker, or the one that was given; empty when there is neither."""
        return self.state.broker_url if self.state else GivenServers().redis_url


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `look` returns what it found, or raises `Complaint`."""

    check_id: str
    title: str
    look: Callable[[Patient], str]
    advice: str
    needs_stack: bool = False
