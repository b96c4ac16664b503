"""Checks of the servers and of the running stack."""

import psycopg

from shannon_project.settings.env import ENV, GivenServers
from shannon_project.stack.database import migrations_pending
from shannon_project.stack.doctor.base import Complaint, Patient
from shannon_project.stack.errors import StackError
from shannon_project.stack.health import flower_is_healthy, gateway_is_healthy, log_tail, web_is_healthy, workers_alive
from shannon_project.stack.servers import postgres_check, redis_check
from shannon_project.stack.supervisor import SupervisorClient, supervisor_process

_WORKER_TIMEOUT_SECONDS = 2.0


def stack_is_up(patient: Patient) -> str:
    """Compare `stack.json` with the processes: a killed supervisor leaves both behind."""
    process = supervisor_process(patient.paths)
    if patient.state is not None and process is None:
        raise Complaint("stack.json is there, but its supervisor is gone")
    return f"supervised by process {process.pid}" if process else "down; `make up` starts it"


def servers_given(_patient: Patient) -> str:
    """Look at DATABASE_URL and REDIS_URL."""
    given = GivenServers()
    if bool(given.database_url) != bool(given.redis_url):
        raise Complaint("only one of DATABASE_URL and REDIS_URL is set")
    return "Postgres and Redis of yours" if given.database_url else "embedded Postgres and Valkey"


def postgres(patient: Patient) -> str:
    """Ask Postgres for its version and pgvector."""
    try:
        return f"Postgres {postgres_check(patient.database_url)} with pgvector"
    except StackError as exc:
        raise Complaint(exc.message) from exc


def broker(patient: Patient) -> str:
    """Ask Redis or Valkey for its version and its policy."""
    try:
        return redis_check(patient.broker_url)
    except StackError as exc:
        raise Complaint(exc.message) from exc


def migrations(patient: Patient) -> str:
    """Compare the migrations on disk with those that the database has seen."""
    try:
        pending = migrations_pending(patient.database_url)
    except psycopg.Error as exc:
        raise Complaint(f"the database does not answer: {str(exc).strip()}") from exc
    if pending:
        raise Complaint(f"{len(pending)} are not applied, first {'.'.join(pending[0])}")
    return "all applied"


def web(patient: Patient) -> str:
    """Ask the web server whether it is ready."""
    if not web_is_healthy(patient.stack.base_url):
        raise Complaint(f"{patient.stack.base_url}/readiness does not answer 200. {_why(patient, 'web')}")
    return f"{patient.stack.base_url}/readiness answers"


def worker(patient: Patient) -> str:
    """Ping the workers over the broker."""
    names = workers_alive(patient.broker_url, timeout_seconds=_WORKER_TIMEOUT_SECONDS)
    if not names:
        raise Complaint(f"no worker answers a ping. {_why(patient, 'worker')}")
    return f"{len(names)} alive: {', '.join(sorted(names))}; {ENV.worker_threads} steps at once each"


def control(patient: Patient) -> str:
    """Ping the control workers over the broker."""
    names = workers_alive(patient.broker_url, role="control", timeout_seconds=_WORKER_TIMEOUT_SECONDS)
    if not names:
        raise Complaint(f"no control worker answers a ping. {_why(patient, 'control')}")
    return f"{len(names)} alive: {', '.join(sorted(names))}; {ENV.control_threads} jobs at once each"


def beat(patient: Patient) -> str:
    """Ask the supervisor for beat: it has no address of its own."""
    reports = SupervisorClient(patient.stack.supervisor_url).reports()
    if not reports["beat"].is_up:
        raise Complaint(f"beat is {reports['beat'].state}. {_why(patient, 'beat')}")
    return f"scheduling, process {reports['beat'].pid}"


def gateway(patient: Patient) -> str:
    """Ask the process that asks models for web."""
    if not gateway_is_healthy(patient.stack.gateway_url):
        raise Complaint(f"{patient.stack.gateway_url}/health does not answer. {_why(patient, 'gateway')}")
    return f"{patient.stack.gateway_url} answers, for web only"


def flower(patient: Patient) -> str:
    """Ask Flower whether it is well."""
    if not flower_is_healthy(patient.stack.flower_url):
        raise Complaint(f"{patient.stack.flower_url} does not answer. {_why(patient, 'flower')}")
    return f"{patient.stack.flower_url} answers, on this machine only"


def _why(patient: Patient, role: str) -> str:
    return log_tail(patient.paths, role)
