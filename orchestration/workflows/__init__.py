"""Templates: workflows as YAML, versioned in the database, carried out without a planning call."""
