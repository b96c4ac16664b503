"""A browser for agents: one visit at a time, behind the guard for outgoing requests."""
