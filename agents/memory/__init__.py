"""Memory: what a tenant's agents found out, found again by meaning."""
