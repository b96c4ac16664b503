"""Tools that a tenant makes of programs of its own."""
