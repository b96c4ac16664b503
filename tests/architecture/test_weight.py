"""What a worker does not load: each of these is megabytes of every process, for something that a worker never does."""

import json
import subprocess
import sys

NEVER = {
    "click_repl": "Celery's shell",
    "dns": "name servers by address: only where a setting names some",
    "drf_spectacular.openapi": "the schema of the API",
    "duckdb": "tables: in a process of its own",
    "flower": "Celery's command loads it to offer its command",
    "litellm": "loaded when a worker warms, and by nobody who only advances",
    "opentelemetry.sdk.metrics": "Redis' client would count with it",
    "orchestration.admin": "pages",
    "playwright": "a browser",
    "rest_framework.views": "the API",
    "rich": "tracebacks in colour",
    "unfold.admin": "pages",
    "wasmer_sdk": "the sandbox's hosts have it",
    "wordllama": "its files are read, its code makes copies",
}
LOOK = """
import json, os, sys
os.environ["CELERY_SKIP_CHECKS"] = "true"
from shannon_project.consumer import celery_app
celery_app.loader.import_default_modules()
celery_app.finalize()
from sandbox.services.lanes import fast_runtime, general_runtime
general_runtime().problems(), fast_runtime()
print(json.dumps(sorted(sys.modules)))
"""

SHARE = """
import os, stat, sys, threading, time
os.environ["CELERY_SKIP_CHECKS"] = "true"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from shannon_project.consumer import _load
_load("steps,control")
assert {"litellm", "numpy", "orchestration.jobs"} <= sys.modules.keys()
end = time.monotonic() + 60  # a thread that has done its work may not have ended yet
while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < end:
    time.sleep(0.01)
opened = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd") if int(name) > 2]
sockets = [path for path in opened if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode)]
print([thread.name for thread in threading.enumerate()], len(os.listdir("/proc/self/task")), sockets)
"""


def test_what_workers_are_forked_from_has_one_thread_and_no_connection() -> None:
    done = subprocess.run([sys.executable, "-c", SHARE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['MainThread'] 1 []"


def test_a_worker_loads_nothing_that_only_others_need() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "orchestration.jobs" in loaded
    assert sorted(loaded & NEVER.keys()) == []
