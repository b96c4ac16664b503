"""Which queue a job takes: nothing that takes minutes stands in the way of what happens next."""

from typing import Any

import pytest

from shannon_project.celery import celery_app

LONG = {  # drain steps; embed; wait for others' servers
    "orchestration.jobs.run_steps",
    "orchestration.jobs.aftermath",
    "orchestration.jobs.mcp_servers",
}


def queue_of(name: str) -> str:
    route: dict[str, Any] = celery_app.amqp.router.route({}, name)
    return str(route["queue"].name)


def test_only_what_may_take_long_goes_to_the_workers_of_steps() -> None:
    celery_app.loader.import_default_modules()
    jobs = [name for name in celery_app.tasks if not name.startswith("celery.")]
    assert set(jobs) > LONG
    assert {name for name in jobs if queue_of(name) == "steps"} == LONG
    assert {queue_of(name) for name in jobs} == {"steps", "control"}


@pytest.mark.parametrize("name", ["celery.chord_unlock", "celery.backend_cleanup"])
def test_what_celery_does_by_itself_waits_for_no_step(name: str) -> None:
    assert queue_of(name) == "control"
