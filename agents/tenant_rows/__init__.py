"""What tenants register by a name: their roles, skills, tools, MCP servers and APIs."""
