"""Whether each part of the stack does its work."""

from collections.abc import Callable, Collection
from threading import Event
from time import monotonic

import httpx
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shannon_project.stack.errors import StackNotHealthy
from shannon_project.stack.paths import StackPaths, log_end
from shannon_project.stack.roles import APP_ROLES
from shannon_project.stack.state import StackState
from shannon_project.stack.supervisor import SupervisorClient

START_TIMEOUT_SECONDS = 240.0  # the first time on a machine, the worker compiles the sandbox's module

_POLL_SECONDS = 0.2
_ANSWER_TIMEOUT_SECONDS = 2.0


def web_is_healthy(base_url: str) -> bool:
    """Return whether the web server is up and reaches its servers."""
    return _answers(f"{base_url}/readiness")


def gateway_is_healthy(gateway_url: str) -> bool:
    """Return whether the process that asks models for web has loaded all it needs."""
    return _answers(f"{gateway_url}/health")


def flower_is_healthy(flower_url: str) -> bool:
    """Return whether Flower answers."""
    return _answers(f"{flower_url.rstrip('/')}/healthcheck")


def workers_alive(
    broker_url: str, *, role: str = "worker", timeout_seconds: float = 0.5, enough: int | None = None
) -> list[str]:
    """Return the names of the workers that answer a ping over the broker.

    Args:
        broker_url: Where they listen.
        role: Which of them are asked: the part of their names before the host, `worker` or `control`.
        timeout_seconds: How long to wait for answers.
        enough: Number of answers after which no more is waited for; None: all that come in time.
    """
    with Celery("probe", broker=broker_url, set_as_current=False) as probe:  # doorbells go through ours
        probe.conf.broker_connection_retry = False
        try:
            replies = probe.control.ping(timeout=timeout_seconds, limit=enough, pattern=f"{role}*@*", matcher="glob")
        except (OperationalError, RedisError, OSError):  # a connection that breaks under way is told by the driver
            return []
    return [name for reply in replies or [] for name in reply]


def key_is_accepted(base_url: str, api_key: str) -> bool:
    """Return whether the API takes a key: a database may be younger than the key that is kept beside it.

    Raises:
        StackNotHealthy: The API answers neither yes nor no, or not at all.
    """
    try:
        response = httpx.get(f"{base_url}/api/v1/sessions", params={"limit": 1}, headers={"X-API-Key": api_key})
    except httpx.HTTPError as exc:
        raise StackNotHealthy(f"The API at {base_url} does not answer a listing of sessions: {exc!r}") from exc
    if response.status_code not in (200, 401):
        raise StackNotHealthy(f"The API answers {response.status_code} to a listing of sessions: {response.text[:300]}")
    return response.status_code == 200


def wait_healthy(
    paths: StackPaths, state: StackState, report: Callable[[str], None], roles: Collection[str] = APP_ROLES
) -> None:
    """Wait until roles do their work; tell of each as it comes.

    Args:
        paths: The stack's folder.
        state: Where its parts are.
        report: Told of each role that is healthy.
        roles: Which to wait for, of `APP_ROLES`.

    Raises:
        StackNotHealthy: One keeps crashing, or is not there in 4 minutes; the message ends with its log.
    """
    client = SupervisorClient(state.supervisor_url)
    known: dict[str, Callable[[], bool]] = {
        "web": lambda: web_is_healthy(state.base_url),
        "worker": lambda: bool(workers_alive(state.broker_url, enough=1)),
        "gateway": lambda: gateway_is_healthy(state.gateway_url),
        "control": lambda: bool(workers_alive(state.broker_url, role="control", enough=1)),
        "flower": lambda: flower_is_healthy(state.flower_url),
        "beat": lambda: beat_has_begun(paths, client),
    }
    checks = {role: known[role] for role in roles}
    deadline = monotonic() + START_TIMEOUT_SECONDS
    while checks:
        reports = client.reports()
        for role in list(checks):
            if reports[role].state == "FATAL":
                raise StackNotHealthy(f"{role} keeps crashing. {log_tail(paths, role)}")
            if reports[role].is_up and checks[role]():
                del checks[role]
                report(f"{role} is healthy")
        if checks and monotonic() > deadline:
            role = next(iter(checks))
            raise StackNotHealthy(f"{role} is not healthy after {START_TIMEOUT_SECONDS:g} s. {log_tail(paths, role)}")
        Event().wait(_POLL_SECONDS if checks else 0)


def beat_has_begun(paths: StackPaths, client: SupervisorClient) -> bool:
    """Return whether beat schedules: it has printed the banner with which it begins, or has run for 10 s."""
    if client.reports()["beat"].state == "RUNNING":
        return True
    log = paths.log("beat")
    return log.exists() and "scheduler -> " in log.read_text(errors="replace")


def log_tail(paths: StackPaths, role: str) -> str:
    """Return a sentence with a log's name, and the last lines of it."""
    path = paths.log(role)
    return f"The end of {path}:\n{log_end(path)}"


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_ANSWER_TIMEOUT_SECONDS).status_code == 200
    except httpx.HTTPError:
        return False
