"""A short random fault run; `make soak` is the long one."""

import pytest

from tests.acceptance.faults.cluster import Cluster
from tests.acceptance.faults.soak import soak_run

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize("seed", [20261125])
def test_every_promise_is_kept_under_random_faults(cluster: Cluster, seed: int) -> None:
    assert "10 faults" in soak_run(cluster, seed=seed, tasks=3, faults=10)
