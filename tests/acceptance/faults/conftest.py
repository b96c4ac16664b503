"""One cluster for all tests of this folder that act on processes of their own; each begins without workers."""

from collections.abc import Generator, Iterator

import pytest

from tests.acceptance.faults.cluster import Cluster, cluster_running

LOG_SHOWN_CHARS = 4_000


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Cluster]:
    """A cluster for the whole session."""
    with cluster_running() as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: Cluster) -> Iterator[Cluster]:
    """A cluster without workers, whose witness answers at once."""
    running_cluster.witness.latency_seconds = 0.0
    yield running_cluster
    running_cluster.workers_end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every log that the test's processes wrote, if it failed."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and isinstance(cluster, Cluster):
        for child in cluster.workers:
            report.sections.append((f"log of {child.name}", cluster.log_of(child)[-LOG_SHOWN_CHARS:]))
    return report
