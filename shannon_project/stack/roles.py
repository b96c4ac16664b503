"""What the supervisor runs: each role's command line, and the supervisor's configuration file."""

import os
import pwd
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shannon_project.settings.env import ENV
from shannon_project.stack.paths import StackPaths

SERVERS_GROUP = "servers"
APP_GROUP = "app"
APP_ROLES = ("web", "worker", "control", "gateway", "beat", "flower")

_START_SECONDS = 10  # a process that ends earlier counts as a failed start: it is retried more and more slowly
_AFTER_GRACE_SECONDS = 5  # a worker hands back what it has not finished when its grace period is over, then it ends
_START_RETRIES = 4  # with the supervisor's back-off of 1, 2, 3 ... s; then it gives up and the stack says so
# The system checks would load every route and serialiser into a process that serves none.
_BEAT = [sys.executable, "-m", "celery", "-A", "shannon_project", "--skip-checks", "beat", "--pidfile="]


@dataclass(frozen=True, slots=True)
class Role:
    """One supervised process."""

    name: str
    command: list[str]
    stop_signal: str = "TERM"
    stop_timeout_seconds: int = 10
    run_as: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


def app_roles(
    paths: StackPaths,
    *,
    web_port: int,
    gateway_port: int,
    flower_port: int,
    worker_processes: int,
    worker_threads: int,
    control_threads: int,
    broker_url: str,
) -> list[Role]:
    """Return our own roles; the worker first, because it takes longest to start."""
    # Flower has Prometheus metrics of its own, beat has none: only the others share the folder.
    metrics = {"PROMETHEUS_MULTIPROC_DIR": str(paths.prometheus_dir)}
    uvicorn = [sys.executable, "-m", "uvicorn", "--no-access-log", "--host", "127.0.0.1"]
    # Without the timeout an open stream would hold a server back from stopping.
    stop = ["--timeout-graceful-shutdown", "3"]
    # Readers of a WebSocket stream say nothing; a compressor for each of them would take memory for little text.
    sockets = ["--ws-max-size", "4096", "--ws-per-message-deflate", "false"]
    web = [*uvicorn, "shannon_project.asgi:application", "--lifespan", "on", "--port", str(web_port), *stop, *sockets]
    gateway = [*uvicorn, "shannon_project.asgi_gateway:application", "--port", str(gateway_port), *stop]
    return [
        Role(
            "worker",
            worker_command(threads=worker_threads, processes=worker_processes),
            environment=metrics,
            stop_timeout_seconds=round(ENV.shutdown_grace_seconds) + _AFTER_GRACE_SECONDS,
        ),
        Role("web", web, environment=metrics),
        Role("control", control_command(threads=control_threads), environment=metrics),
        Role("gateway", gateway, environment=metrics),
        Role("beat", _BEAT),
        # Flower learns all it shows from the broker; without our application it starts in half the time.
        Role(
            "flower",
            [sys.executable, "-m", "celery", "flower", "--address=127.0.0.1", f"--port={flower_port}"],
            environment={"CELERY_BROKER_URL": broker_url, "DJANGO_SETTINGS_MODULE": ""},
        ),
    ]


def worker_command(*, threads: int, name: str = "worker", processes: int = 1) -> list[str]:
    """Return the command line of a worker: it runs steps, and nothing else.

    Args:
        threads: Steps that it runs at once.
        name: Its node name, unique among the workers of a broker. Of several processes the second has `-2` after it.
        processes: How many such workers, which share what they have loaded; from 1.
    """
    return _consumer("steps", threads, name, *([] if processes == 1 else ["--processes", str(processes)]))


def control_command(*, threads: int, name: str = "control") -> list[str]:
    """Return the command line of a control worker: it advances tasks and recovers, so no slow step is in its way.

    Args:
        threads: Control jobs that it runs at once.
        name: Its node name, unique among the workers of a broker.
    """
    return _consumer("control", threads, name)


def _consumer(queue: str, threads: int, name: str, *more: str) -> list[str]:
    options = ["--queues", queue, "--threads", str(threads), "--name", name, *more]
    return [sys.executable, "-m", "shannon_project.consumer", *options]


def supervisor_config(
    paths: StackPaths,
    *,
    servers: list[Role],
    apps: list[Role],
    rpc_port: int,
    rpc_password: str,
    owner_pid: int | None,
    ports_kept: Sequence[int] = (),
) -> str:
    """Return supervisord's configuration: servers start at once, ours when they are told to; ours stop first.

    Other stacks of the machine choose none of `ports_kept` while the supervisor lives.
    """
    user = pwd.getpwuid(os.geteuid()).pw_name
    sections = {
        "supervisord": {
            "nodaemon": "true",
            "user": user if os.geteuid() == 0 else "",
            "logfile": str(paths.log("supervisor")),
            "pidfile": str(paths.local_dir / "supervisor.pid"),
            "childlogdir": str(paths.log_dir),
            "nocleanup": "true",
        },
        "inet_http_server": {"port": f"127.0.0.1:{rpc_port}", "username": "stack", "password": rpc_password},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "rpcinterface:stack": {
            "supervisor.rpcinterface_factory": "shannon_project.stack.supervision:make_interface",
            "state_path": str(paths.state),
            "owner_pid": str(owner_pid or ""),
            "ports": " ".join(str(port) for port in ports_kept),
        },
        **_group(SERVERS_GROUP, servers, paths, priority=10, autostart=True),
        **_group(APP_GROUP, apps, paths, priority=20, autostart=False),
    }
    return "\n".join(_section(name, values) for name, values in sections.items())


def _group(
    name: str, roles: list[Role], paths: StackPaths, *, priority: int, autostart: bool
) -> dict[str, dict[str, str]]:
    if not roles:
        return {}
    group = {"programs": ",".join(role.name for role in roles), "priority": str(priority)}
    return {
        f"group:{name}": group,
        **{f"program:{role.name}": _program(role, paths, position, autostart) for position, role in enumerate(roles)},
    }


def _program(role: Role, paths: StackPaths, position: int, autostart: bool) -> dict[str, str]:
    return {
        "command": " ".join(_quoted(word) for word in role.command),
        "directory": str(Path.cwd() if role.run_as is None else paths.postgres_dir),
        "user": role.run_as or "",
        "priority": str(position),
        "autostart": str(autostart).lower(),
        "autorestart": "true",
        "startsecs": str(_START_SECONDS),
        "startretries": str(_START_RETRIES),
        "stopsignal": role.stop_signal,
        "stopwaitsecs": str(role.stop_timeout_seconds),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(paths.log(role.name)),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "2",
        "environment": ",".join(f"{key}={_quoted(value)}" for key, value in role.environment.items()),
    }


def _quoted(word: str) -> str:
    """Quote a word as supervisord's parser (shlex) reads it."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _section(name: str, values: dict[str, str]) -> str:
    # A percent sign begins an expression in supervisord's values.
    lines = [f"{key}={value.replace('%', '%%')}" for key, value in values.items() if value != ""]
    return f"[{name}]\n" + "\n".join(lines) + "\n"
