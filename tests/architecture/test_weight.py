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
    "orchestration.admin": "pages",
    "playwright": "a browser",
    "rest_framework.views": "the API",
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


def test_a_worker_loads_nothing_that_only_others_need() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "orchestration.jobs" in loaded
    assert sorted(loaded & NEVER.keys()) == []
