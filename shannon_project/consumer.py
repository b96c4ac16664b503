"""Entry point of workers: `python -m shannon_project.consumer --queues steps --threads 16 --name worker`.

Does what Celery's own command does, which loads Flower, a web server and an interactive shell first to offer their
commands too: 11 MB of each process.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from celery.utils.nodenames import nodename

from shannon_project.celery import celery_app


def consume(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until it is told to stop; returns its exit code."""
    parser = argparse.ArgumentParser(prog="shannon_project.consumer", description="Run a worker.")
    parser.add_argument("--queues", required=True, help="comma-separated: steps, control")
    parser.add_argument("--threads", required=True, type=int, help="jobs that it runs at once")
    parser.add_argument("--name", required=True, help="unique among the workers of a broker on this host")
    given = parser.parse_args(arguments)
    # The system checks would load every route and serialiser into processes that serve none.
    os.environ["CELERY_SKIP_CHECKS"] = "true"
    worker = celery_app.Worker(
        hostname=nodename(given.name, socket.gethostname()),
        queues=given.queues,
        concurrency=given.threads,
        # These are for workers that watch each other; ours meet in Postgres. Mingle alone costs a second.
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(consume())
