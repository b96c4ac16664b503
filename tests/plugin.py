"""Starts the real servers once per process of a run, before any conftest imports what reads the settings.

Run with `-n 2`, as `make test` does, the tests of tests/acceptance go to one process, one after another; the other
process takes the rest, file by file. Each has its own servers.

`DJANGO_SETTINGS_MODULE` is set here and not in pyproject.toml: pytest-django would load the settings before.
"""

import os
from collections.abc import Generator

import pytest
from django.conf import settings
from django.db import connections
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.servers import TestServers, start_servers

SERVERS_KEY = pytest.StashKey[TestServers]()


class _AcceptanceBesideTheRest(LoadScopeScheduling):  # type: ignore[misc]  # xdist declares no types
    """Gives out tests by file, and those of tests/acceptance as one: they share stacks, which are slow to start."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/acceptance" if nodeid.startswith("tests/acceptance/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Decide which process of a parallel run gets which test."""
    return _AcceptanceBesideTheRest(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start the servers, then load the settings that point at them; not where other processes run the tests."""
    options = early_config.known_args_namespace
    told_only = options.version or options.help
    if not told_only and (not options.numprocesses or "PYTEST_XDIST_WORKER" in os.environ):
        if settings.configured:
            raise pytest.UsageError("The settings were loaded before the servers started.")
        early_config.stash[SERVERS_KEY] = start_servers()
        os.environ["DJANGO_SETTINGS_MODULE"] = "shannon_project.settings"
    yield


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started, whatever happened in between."""
    servers = config.stash.get(SERVERS_KEY, None)
    if servers is not None:
        if settings.configured:
            _pools_close()
        servers.stop()


def _pools_close() -> None:
    """Close the pools of connections: one whose server is gone says so again and again."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # of Postgres's backend only
