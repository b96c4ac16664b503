"""What all tests share; tests/plugin.py starts their servers."""

import pytest
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django.plugin import DjangoDbBlocker

from tests.plugin import SERVERS_KEY
from tests.servers import TestServers


def pytest_configure(config: pytest.Config) -> None:
    """Choose how examples are drawn: alike in each run, so that none fails by luck; others by `--hypothesis-seed`."""
    hypothesis_settings.register_profile(
        "shared",
        deadline=None,  # how fast examples are made says how busy the machine is, nothing of the code
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=config.getoption("--hypothesis-seed") is None,
    )
    hypothesis_settings.load_profile("shared")


@pytest.fixture(scope="session")
def django_db_keepdb(servers: TestServers) -> bool:
    """Leave the test database to its server's end when the server is ours: a pool's connection cannot hold it up."""
    return servers.postgres is not None


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> TestServers:
    """The servers of this run."""
    return pytestconfig.stash[SERVERS_KEY]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let the tests' database be emptied between tests, the ledger too, which refuses it everywhere else."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE policy_ledgerentry DISABLE TRIGGER policy_ledger_is_not_emptied")
