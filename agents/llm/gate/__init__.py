"""The gate before every model: circuit breaker, rates and concurrency of a model and key, shared by all workers."""

from agents.llm.gate.base import Admission, CallEnd, CallEnded, Gate, Lane, Limits, Verdict
from agents.llm.gate.entering import Entered, LaneRefused, lane_enter
from agents.llm.gate.selection import gate_in_use

__all__ = [
    "Admission",
    "CallEnd",
    "CallEnded",
    "Entered",
    "Gate",
    "Lane",
    "LaneRefused",
    "Limits",
    "Verdict",
    "gate_in_use",
    "lane_enter",
]
