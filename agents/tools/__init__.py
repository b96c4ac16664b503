"""Tools: what an agent may call. Each is one file in `builtin/`; `SHANNON_TOOLS` lists those that exist."""
