"""What a worker tells the process that its hosts are forked from, as one argument on the command line."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class HostOptions:
    """How the hosts of a worker work, all alike.

    Attributes:
        parent_pid: The worker; all hosts end with it.
        runtime: Dotted path of the `Runtime` class.
        cache_dir: Where compiled modules are kept.
        memory_bytes: Cap of the whole host's memory.
        runs_max: The host ends after so many runs: what a runtime leaks is given back.
        rss_max_bytes: The host ends after a run that leaves it with more resident memory.
        frame_max_bytes: Largest files, input and program of one request together.
        niceness: How far the host stands back for others, 0 to 19: for one that only compiles.
        starts_process: Whether its runtime starts a process before the host serves its first frame.
        environment: What its runtime wants in its environment, which otherwise has nothing of the worker's.
    """

    parent_pid: int
    runtime: str
    cache_dir: str
    memory_bytes: int
    runs_max: int
    rss_max_bytes: int
    frame_max_bytes: int
    niceness: int = 0
    starts_process: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def as_argument(self) -> str:
        """Return the command-line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, argument: str) -> "HostOptions":
        """Return the options of a command-line argument."""
        return cls(**json.loads(argument))
