"""What the sandbox host may import."""

import subprocess
import sys


def test_the_host_imports_neither_django_nor_the_platform() -> None:
    code = (
        "import sys, sandbox.host.__main__, sandbox.runtimes.wasmer, sandbox.runtimes.eryx, sandbox.runtimes.fake; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"wasmer_sdk", "eryx"} & set(loaded)  # 18 and 95 MB: workers ask these files only what they can run
    assert not {"django", "shannon_project", "celery", "psycopg", "litellm", "prometheus_client"} & set(loaded)
