"""A server that a worker starts: it tells its environment."""

import os

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("stdio")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def environment() -> list[str]:
    """Return the names of this process's environment."""
    return sorted(os.environ)


if __name__ == "__main__":
    server.run("stdio")
