"""Settings of the agents app; units are in the names."""

SHANNON_JOURNAL_RESPONSE_MAX_BYTES = 1024 * 1024  # bytes of JSON; an effect that returns more fails
SHANNON_TOOL_OUTPUT_MAX_BYTES = 64 * 1024  # bytes of JSON that a model is shown of one tool call
SHANNON_EMBEDDER = "agents.memory.wordllama.WordllamaEmbedder"  # dotted path of an `Embedder`
SHANNON_MEMORY_CONTENT_MAX_CHARACTERS = 4_000
SHANNON_DEPENDENCY_MAX_CHARACTERS = 6_000  # of one result that a subtask builds on
SHANNON_DEPENDENCIES_MAX_CHARACTERS = 40_000  # of all of them together
SHANNON_HISTORY_MAX_MESSAGES = 20
SHANNON_HISTORY_MESSAGE_MAX_CHARACTERS = 4_000
SHANNON_WORKSPACE_OVERVIEW_MAX_CHARACTERS = 6_000
