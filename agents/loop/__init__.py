"""The agent loop: model, tool calls, model, until there is an answer."""
