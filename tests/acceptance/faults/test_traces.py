"""A task's trace goes on in another worker when the one that was at it died."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.acceptance.conftest import wait_until
from tests.acceptance.faults.cluster import Cluster
from tests.acceptance.faults.verdict import finished_well
from tests.otlp import Receiver, receiving

pytestmark = pytest.mark.acceptance


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of traces; workers of the cluster are told of it one by one."""
    with receiving() as started:
        yield started


def test_the_spans_of_a_task_whose_worker_died_are_one_trace(cluster: Cluster, receiver: Receiver) -> None:
    cluster.witness.latency_seconds = 0.5  # the victim's first spans are sent before it dies
    victim = cluster.worker_start(failpoints="effect.recorded/model:3", threads=1, traces=receiver.url)
    submitted = cluster.submit()
    victim.wait_dead()
    cluster.worker_start(traces=receiver.url)
    finished_well(cluster, submitted)
    wait_until(lambda: receiver.named("step synthesize"), "the last step's span has arrived", patience_seconds=20.0)
    assert {span.trace_id for span in receiver.spans} == {UUID(submitted.task_id).hex}
    assert len({span.resource["process.pid"] for span in receiver.spans}) == 2, "of both workers"
    again = [span for span in receiver.spans if span.attributes.get("shannon.attempt", 1) > 1]
    assert {span.name for span in again} == {"step agent"}, "the step that was cut off, in the second worker"
    assert all("run_steps" in receiver.line_of(span) for span in again)
