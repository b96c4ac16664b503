"""What the sandbox host may import."""

import subprocess
import sys


def test_the_host_imports_neither_django_nor_the_platform() -> None:
    code = (
        "import sys, sandbox.host.__main__, sandbox.runtimes.wasmer, sandbox.runtimes.eryx, sandbox.runtimes.fake; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "wasmer_sdk" in loaded
    assert "eryx" not in loaded  # 95 MB: only a host of the fast lane maps it, and only when it is asked for one
    assert not {"django", "shannon_project", "celery", "psycopg", "litellm", "prometheus_client"} & set(loaded)
