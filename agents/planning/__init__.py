"""Planning: a model splits a request into subtasks."""
