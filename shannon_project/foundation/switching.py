"""How often Python changes between threads that compute.

A thread that waits for the interpreter looks again after each switch interval, and so does every other one. Of
hundreds that wait, the looking alone takes more processor time than their work: with 400 agents in a process and an
interval of 1 ms it was two thirds of all. So the interval grows with the crowd.
"""

import sys
from typing import Final

# Python's 5 ms are long for a thread that came back from the database and has little to do.
SHORTEST_SECONDS: Final = 0.001
LONGEST_SECONDS: Final = 0.05
LOOKS_PER_SECOND: Final = 16_000  # of all threads together, some 5 % of a core: what 16 threads do at the shortest


def switch_seconds(threads: int) -> float:
    """Return the interval for a process in which so many threads may compute."""
    return min(max(SHORTEST_SECONDS, threads / LOOKS_PER_SECOND), LONGEST_SECONDS)


def switches_pace(threads: int) -> None:
    """Have Python change threads as often as is good for so many."""
    sys.setswitchinterval(switch_seconds(threads))
