"""Starts workers and web servers fast: imports once what they import, and forks for each.

Reads one JSON object a line: `{"role", "name", "failpoints", "transport", "threads", "port",
"clock_ahead_seconds", "traces"}`. Answers with the pid.
A child is a process like any other: it shares nothing with its siblings, and runs the role's own command.
"""

import json
import os
import signal
import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import time_machine


def main() -> None:
    """Fork until the input ends."""
    django.setup()
    # What takes long to import. Not `orchestration.worker`: threads that it makes could not be started after a fork.
    for module in ("orchestration.jobs", "agents.services", "numpy", "tokenizers", "uvicorn", "shannon_project.urls"):
        import_module(module)
    celery_app = import_module("shannon_project.celery").celery_app
    import_module("agents.llm.gateway")._litellm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _child(json.loads(line), celery_app)
        print(pid, flush=True)


def _child(asked: dict[str, Any], celery_app: Any) -> None:
    """Become the role; never returns."""
    from celery.signals import worker_ready  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    from shannon_project.foundation.failpoints import failpoints_arm  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    folder = Path(os.environ["SHANNON_LOCAL_DIR"]) / "log"
    log = os.open(folder / f"{asked['name']}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if asked["transport"]:
        celery_app.conf.broker_transport = asked["transport"]
    failpoints_arm(asked["failpoints"])
    if asked.get("clock_ahead_seconds"):
        # all of Python's clocks of the day in this process, also those of C code; what counts up only stays
        time_machine.travel(timedelta(seconds=asked["clock_ahead_seconds"]), tick=True).start()
    try:
        if asked["role"] == "web":
            import uvicorn  # noqa: PLC0415

            uvicorn.run("shannon_project.asgi:application", port=asked["port"], lifespan="off", access_log=False)
        else:
            settings.SHANNON_SHUTDOWN_GRACE_SECONDS = asked["grace_seconds"]
            settings.SHANNON_TRACES_ENDPOINT = asked["traces"]
            worker_ready.connect(lambda **_: (folder / f"{asked['name']}.ready").touch(), weak=False)
            options = ["-P", "threads", "-c", str(asked["threads"]), "-Q", "steps,control", "-n", f"{asked['name']}@%h"]
            celery_app.worker_main(["worker", *options, "--without-mingle", "--without-gossip"])
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
