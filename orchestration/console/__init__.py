"""Pages for people: the start page and the live view of a run."""
