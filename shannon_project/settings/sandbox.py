"""Settings of the sandbox app; units are in the names."""
