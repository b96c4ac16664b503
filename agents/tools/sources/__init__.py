"""Where tenants' own tools come from: one file per kind of source, all alike."""
