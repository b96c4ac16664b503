"""The short way to a server that speaks OpenAI's protocol: litellm writes the request and names the failures, and what
lies between is ours.
"""

from agents.llm.wire.asking import WireAssembly, answer_of, wire_answer, wire_pieces
from agents.llm.wire.exchange import WireFailed, WireTooLarge, WireUnreadable, connections_close
from agents.llm.wire.naming import is_mended_by_litellm, named_by_litellm
from agents.llm.wire.request import Scribe, WireRequest

__all__ = [
    "Scribe",
    "WireAssembly",
    "WireFailed",
    "WireRequest",
    "WireTooLarge",
    "WireUnreadable",
    "answer_of",
    "connections_close",
    "is_mended_by_litellm",
    "named_by_litellm",
    "wire_answer",
    "wire_pieces",
]
