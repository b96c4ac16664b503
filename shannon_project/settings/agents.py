"""Settings of the agents app; units are in the names."""
