"""A client of the API that follows a task in a terminal; it knows nothing of the server but its addresses."""
