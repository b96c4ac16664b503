"""Roles: named agent profiles. They are data, in `roles.yaml`."""
