"""The result backend is one for a process."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from shannon_project.celery import celery_app
from shannon_project.doorbell_backend import DoorbellBackend

THREADS = 4


def test_threads_share_it_and_its_connections() -> None:
    together = Barrier(THREADS)

    def backend() -> object:
        together.wait(120)
        return celery_app.backend

    assert isinstance(celery_app.backend, DoorbellBackend)
    with ThreadPoolExecutor(THREADS) as threads:
        found = [each.result() for each in [threads.submit(backend) for _ in range(THREADS)]]
    assert all(each is celery_app.backend for each in found)


def test_it_has_as_many_connections_as_threads_may_want() -> None:
    backend = celery_app.backend
    assert isinstance(backend, DoorbellBackend)
    assert (backend.max_connections or 0) > 1_000
