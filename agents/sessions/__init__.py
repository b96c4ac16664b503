"""Sessions: conversations with messages, titles, and names that callers choose."""
