"""HTTP APIs that a tenant describes by an OpenAPI document: each operation is a tool."""
