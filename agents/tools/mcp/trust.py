"""Trust in a server's tool is trust in what it said of itself, not in its name.

A server may describe a tool anew at any time, after somebody has read what it does and trusted it. So a trusted name
has the digest of what it stood for. It is taken when the tool is trusted, or when its server offers it for the first
time after that; and when the server says something else under this name, the trust ends until somebody gives it again.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agents.models import McpServer
from agents.tools.mcp.base import ToolRecord


def is_trusted(server: McpServer, record: ToolRecord) -> bool:
    """Tell whether the tenant trusts this tool as its server describes it now."""
    name = record["name"]
    return name in server.tools_trusted and server.trust_digests.get(name) == _digest(record)


def trust_given(server: McpServer, names: Iterable[str], *, moves: bool) -> dict[str, Any]:
    """Return the columns to set when these tools, and no others, are to be trusted as they are described now.

    Args:
        server: As it is stored.
        names: Of tools; for one that the server does not offer what it stood for before counts, else what comes first.
        moves: It goes to another address: what is known of its tools is another's.
    """
    described = {} if moves else {**server.trust_digests, **_digests(server)}
    trusted = list(names)
    return {
        "tools_trusted": trusted,
        "trust_digests": {name: described[name] for name in trusted if name in described},
        "trust_ended": {},
    }


def trust_left(server: McpServer, *, now: datetime) -> tuple[dict[str, Any], list[str]]:
    """Return the columns to set when a server was asked, and the names whose trust ends by what it says.

    Args:
        server: As it is stored, with the tools that it offers: numbers may read otherwise than a server wrote them.
        now: When it was asked.
    """
    described = _digests(server)
    before = server.trust_digests
    ended = [
        name for name in server.tools_trusted if name in before and described.get(name, before[name]) != before[name]
    ]
    left = [name for name in server.tools_trusted if name not in ended]
    values = {
        "tools_trusted": left,
        "trust_digests": {name: digest for name, digest in {**described, **before}.items() if name in left},
        "trust_ended": {**server.trust_ended, **dict.fromkeys(ended, now.isoformat())},
    }
    return values, ended


def _digests(server: McpServer) -> dict[str, str]:
    return {record["name"]: _digest(record) for record in server.tools}


def _digest(record: ToolRecord) -> str:
    """Return the digest of all that models and people are shown of a tool, and that its calls are checked by."""
    said = json.dumps({"returns": {}, **record}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
