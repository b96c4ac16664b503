"""Who may do what, and at what price: tenants, keys, policies, budgets, audit."""
