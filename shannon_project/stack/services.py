"""Starts and stops the whole stack."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from shutil import rmtree

from shannon_project.embedded import EmbeddedPostgres, EmbeddedValkey, ValkeyPortTaken
from shannon_project.settings.env import ENV
from shannon_project.stack.database import database_prepare, migrations_pending
from shannon_project.stack.errors import StackNotHealthy, StackNotRunning
from shannon_project.stack.health import key_is_accepted, wait_healthy
from shannon_project.stack.paths import StackPaths, json_read, private_write
from shannon_project.stack.ports import PortChoice
from shannon_project.stack.roles import APP_ROLES, app_roles, supervisor_config
from shannon_project.stack.servers import StackServers, servers_choose
from shannon_project.stack.state import StackState, state_of
from shannon_project.stack.supervisor import (
    SupervisorClient,
    leftovers_stop,
    supervisor_process,
    supervisor_spawn,
    supervisor_stop,
)

Report = Callable[[str], None]

_WEB_PORT = 8000
_GATEWAY_PORT = 8001
_FLOWER_PORT = 5555


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on 127.0.0.1 that the stack takes."""

    web: int
    gateway: int
    flower: int
    supervisor: int


def stack_up(
    *, paths: StackPaths, report: Report, owner_pid: int | None = None, told: Mapping[str, str] | None = None
) -> tuple[StackState, bool]:
    """Start the stack and wait until it takes tasks; `stack_wait` waits for the rest too. One may run already.

    Args:
        paths: The stack's folder.
        report: Told one line for each thing that is done.
        owner_pid: The stack stops when this process ends, however it ends; None for a stack that stays.
        told: More variables for the processes of a stack that this call starts.

    Returns:
        The stack's state, and whether it was this call that started it.

    Raises:
        StackError: It did not come up; what was started is stopped again.
        EmbeddedServerError: A server did not come up.
    """
    with paths.lock(report):
        state = state_of(paths)
        if state is not None and supervisor_process(paths) is not None:
            wait_healthy(paths, state, report, ["web", "worker", "control"])
            return state, False
        _clear(paths, report)
        try:
            return _start_or_clear(paths, report, owner_pid, told or {}), True
        except ValkeyPortTaken as exc:
            report(f"{exc.message} Starting again with another port.")
            return _start_or_clear(paths, report, owner_pid, told or {}), True


def stack_wait(*, paths: StackPaths, report: Report) -> StackState:
    """Wait until all of a running stack is healthy.

    Raises:
        StackNotRunning: There is none.
        StackNotHealthy: A part does not come up.
    """
    state = state_of(paths)
    if state is None:
        raise StackNotRunning
    wait_healthy(paths, state, report, ["gateway", "beat", "flower"])
    return state_of(paths) or state


def stack_down(*, paths: StackPaths, report: Report) -> bool:
    """Stop the stack, and whatever a killed one left behind.

    Returns:
        Whether there was anything to stop.
    """
    with paths.lock(report):
        return _clear(paths, report)


def _clear(paths: StackPaths, report: Report) -> bool:
    supervisor = supervisor_process(paths)
    if supervisor is not None:
        report("stopping")
        supervisor_stop(supervisor)
    left = leftovers_stop(paths)
    if left:
        report(f"stopped {len(left)} processes that an earlier stack left behind")
    EmbeddedPostgres(paths.postgres_dir).stop()
    EmbeddedValkey(paths.valkey_dir).stop()
    paths.state.unlink(missing_ok=True)
    return supervisor is not None or bool(left)


def _start_or_clear(paths: StackPaths, report: Report, owner_pid: int | None, told: Mapping[str, str]) -> StackState:
    try:
        with PortChoice() as choice:
            return _start(paths, report, owner_pid, told, choice)
    except BaseException:
        _clear(paths, report)
        raise


def _start(
    paths: StackPaths, report: Report, owner_pid: int | None, told: Mapping[str, str], choice: PortChoice
) -> StackState:
    report("starting")
    servers = servers_choose(paths, choice)
    ports = Ports(
        web=choice.take(_WEB_PORT),
        gateway=choice.take(_GATEWAY_PORT),
        flower=choice.take(_FLOWER_PORT),
        supervisor=choice.take(0),
    )
    environment = {**_environment(paths, servers, ports), **told}
    client = _launch(paths, servers, ports, environment, owner_pid)
    first_time = json_read(paths.credentials) is None
    if not first_time:
        client.start("worker", "web", "control")  # they load for seconds before they ask a server anything
    servers.wait_ready()
    report("Postgres and Valkey are ready" if servers.embedded else "the given Postgres and Redis are ready")
    if servers.model is not None:
        report("the local model is ready")
    if first_time or migrations_pending(servers.database_url):
        report("migrating and seeding the database")
        client.stop("worker", "web", "control")
        database_prepare(paths, environment)
        client.start("worker", "web", "control")
    state = _state(paths, servers, ports, client, environment)
    client.publish(state)
    report("started worker, control and web")
    wait_healthy(paths, state, report, ["web"])
    # What nobody waits for must not slow down the worker, which takes longest.
    client.start("beat", "flower")
    if first_time:
        report("waiting for the worker; its first start on a machine compiles the sandbox's Python")
    wait_healthy(paths, state, report, ["control", "worker"])
    client.start("gateway")
    if not key_is_accepted(state.base_url, state.api_key):
        database_prepare(paths, environment)
        report("the database is another one than last time: seeded it")
        state = _state(paths, servers, ports, client, environment)
        client.publish(state)
    return state_of(paths) or state


def _launch(
    paths: StackPaths, servers: StackServers, ports: Ports, environment: dict[str, str], owner_pid: int | None
) -> SupervisorClient:
    """Write the files and start the supervisor, and with it the servers; ours are started by the client's word."""
    password = secrets.token_urlsafe(24)
    _write_files(paths, environment)
    apps = app_roles(
        paths,
        web_port=ports.web,
        gateway_port=ports.gateway,
        flower_port=ports.flower,
        worker_processes=ENV.worker_processes,
        worker_threads=ENV.worker_threads,
        control_threads=ENV.control_threads,
        broker_url=servers.broker_url,
    )
    config = supervisor_config(
        paths,
        servers=servers.roles(),
        apps=apps,
        rpc_port=ports.supervisor,
        rpc_password=password,
        owner_pid=owner_pid,
        ports_kept=[ports.web, ports.gateway, ports.flower],
    )
    private_write(paths.supervisor_config, config)
    client = SupervisorClient(f"http://stack:{password}@127.0.0.1:{ports.supervisor}")
    client.wait(supervisor_spawn(paths, environment), paths.log("supervisor"))
    return client


def _environment(paths: StackPaths, servers: StackServers, ports: Ports) -> dict[str, str]:
    """Return the variables that every process of the stack is given."""
    return {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.broker_url,
        "SHANNON_SECRET_KEY": _secret_key(paths),
        "SHANNON_LOCAL_DIR": str(paths.local_dir),
        "SHANNON_FLOWER_URL": f"http://127.0.0.1:{ports.flower}/",
        "SHANNON_GATEWAY_URL": f"http://127.0.0.1:{ports.gateway}",
        "DJANGO_SETTINGS_MODULE": "shannon_project.settings",
        **servers.model_environment(),
    }


def _secret_key(paths: StackPaths) -> str:
    given = ENV.secret_key.get_secret_value()
    if given:
        return given
    if not paths.secret_key.exists():
        private_write(paths.secret_key, secrets.token_urlsafe(48))
    return paths.secret_key.read_text().strip()


def _write_files(paths: StackPaths, environment: dict[str, str]) -> None:
    rmtree(paths.prometheus_dir, ignore_errors=True)
    paths.prometheus_dir.mkdir(parents=True)
    paths.log_dir.mkdir(exist_ok=True)
    paths.static_root.mkdir(exist_ok=True)
    for role in APP_ROLES:
        paths.log(role).unlink(missing_ok=True)
    kept = ("DATABASE_URL", "REDIS_URL", "SHANNON_SECRET_KEY", "SHANNON_FLOWER_URL", "SHANNON_GATEWAY_URL")
    private_write(paths.env, "".join(f"{name}={json.dumps(environment[name])}\n" for name in kept))


def _state(
    paths: StackPaths, servers: StackServers, ports: Ports, client: SupervisorClient, environment: dict[str, str]
) -> StackState:
    credentials = json_read(paths.credentials)
    if credentials is None:
        raise StackNotHealthy(f"{paths.credentials} is missing after seeding.")
    base_url = f"http://127.0.0.1:{ports.web}"
    return StackState(
        base_url=base_url,
        api_key=credentials["api_key"],
        admin_url=f"{base_url}/admin/",
        admin_user=credentials["admin_user"],
        admin_password=credentials["admin_password"],
        flower_url=environment["SHANNON_FLOWER_URL"],
        gateway_url=environment["SHANNON_GATEWAY_URL"],
        docs_url=f"{base_url}/docs",
        metrics_url=f"{base_url}/metrics",
        database_url=servers.database_url,
        broker_url=servers.broker_url,
        supervisor_url=client.url,
        embedded_servers=servers.embedded,
        pids={},
    )
