"""Settings of the policy app; units are in the names."""
