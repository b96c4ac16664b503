"""Entry point of workers: `python -m shannon_project.consumer --queues steps --threads 16 --name worker`.

Does what Celery's own command does, which loads Flower, a web server and an interactive shell first to offer their
commands too: 11 MB of each process. With `--processes` several workers are forked from one process that has loaded all.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from celery.utils.nodenames import nodename
from django.utils.module_loading import import_string

from shannon_project.celery import celery_app
from shannon_project.foundation.memory import memory_loaded, memory_thrift
from shannon_project.foundation.siblings import forked

# Of Celery and kombu, which import them where they are first asked for.
_PARTS: Final = (
    "celery.app.amqp",
    "celery.apps.worker",
    "celery.concurrency.thread",
    "celery.events.dispatcher",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "shannon_project.doorbell_backend",
)


def consume(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to stop; returns its exit code."""
    parser = argparse.ArgumentParser(prog="shannon_project.consumer", description="Run a worker.")
    parser.add_argument("--queues", required=True, help="comma-separated: steps, control")
    parser.add_argument("--threads", required=True, type=int, help="jobs that it runs at once")
    parser.add_argument("--name", required=True, help="unique among the workers of a broker on this host")
    parser.add_argument("--processes", default=1, type=int, help="workers that share what they load; 1 by default")
    given = parser.parse_args(arguments)
    # The system checks would load every route and serialiser into processes that serve none.
    os.environ["CELERY_SKIP_CHECKS"] = "true"
    # numpy's library of linear algebra starts threads, which no fork would take along; vectors here are short.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    name = given.name
    if given.processes > 1:
        _load(given.queues)
        place = forked(given.processes)
        name = f"{name}-{place + 1}" if place else name
    worker = celery_app.Worker(
        hostname=nodename(name, socket.gethostname()),
        queues=given.queues,
        concurrency=given.threads,
        # These are for workers that watch each other; ours meet in Postgres. Mingle alone costs a second.
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _load(queues: str) -> None:
    """Load what the workers share; nothing that has a thread or a connection."""
    memory_thrift()
    with memory_loaded():
        celery_app.loader.import_default_modules()
        celery_app.finalize()
        import_string("orchestration.worker.worker_load")(queues)  # by name: it needs the models, which are there now
        for name in _PARTS:
            import_module(name)


if __name__ == "__main__":
    sys.exit(consume())
