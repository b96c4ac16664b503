"""Django's backend for Postgres with pipelined transactions: the `ENGINE` of `shannon_project/settings/database.py`."""
