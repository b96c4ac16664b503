"""Starts the real servers once per process of a run, before Django reads its settings.

Run with `-n 2`, as `make test` does, the tests of tests/acceptance go to one process, one after another; the other
process takes the rest, file by file. Each has its own servers.

`DJANGO_SETTINGS_MODULE` is set here and not in pyproject.toml: pytest-django would load the settings before this file.
"""

import os

import pytest
from django.conf import settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.servers import TestServers, start_servers

# How fast examples are made says how busy the machine is, nothing of the code.
hypothesis_settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("shared")

_servers_key = pytest.StashKey[TestServers]()


class _AcceptanceBesideTheRest(LoadScopeScheduling):  # type: ignore[misc]  # xdist declares no types
    """Gives out tests by file, and those of tests/acceptance as one: they share stacks, which are slow to start."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/acceptance" if nodeid.startswith("tests/acceptance/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Decide which process of a parallel run gets which test."""
    return _AcceptanceBesideTheRest(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, then load the settings that point at them; not where other processes run the tests."""
    if config.getoption("version", 0) or config.getoption("help", False):
        return
    if config.getoption("dist") != "no" and not hasattr(config, "workerinput"):
        # Set by the import of our package: with it the processes would load the settings before their servers run.
        del os.environ["DJANGO_SETTINGS_MODULE"]
        return
    if settings.configured:
        raise pytest.UsageError(
            "Unset DJANGO_SETTINGS_MODULE: the tests set it themselves, after their servers started."
        )
    config.stash[_servers_key] = start_servers()
    os.environ["DJANGO_SETTINGS_MODULE"] = "shannon_project.settings"
    assert settings.DATABASES  # loads the settings; pytest-django then sets Django up


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started, whatever happened in between."""
    servers = config.stash.get(_servers_key, None)
    if servers is not None:
        servers.stop()


@pytest.fixture(scope="session")
def django_db_keepdb(servers: TestServers) -> bool:
    """Leave the test database to its server's end when the server is ours: a pool's connection cannot hold it up."""
    return servers.postgres is not None


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> TestServers:
    """The servers of this run."""
    return pytestconfig.stash[_servers_key]
