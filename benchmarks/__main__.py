"""Start a stack of its own, measure every row, print a table, write `benchmarks/results/latest.json`."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from shannon_project.stack.ports import free_port

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the rows that were asked for; all by default."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rows", nargs="*", help="names of rows, for example fanout submit")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each fan-out, after one warm-up")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shannon-bench-") as folder:
        Path(folder).chmod(0o755)  # Postgres runs as another user when we are root
        environment = {
            name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}
        } | {
            "SHANNON_LOCAL_DIR": folder,
            "SHANNON_MODEL": "",
            "SHANNON_LOG_LEVEL": "WARNING",
            # For the rows that ask a provider; it runs only while they are measured.
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port(0)}/v1",
            "SHANNON_MODELS_ALLOWED": "openai/bench-model",
            "SHANNON_RATE_LIMIT_KEY_PER_MINUTE": "0",
            "SHANNON_RATE_LIMIT_TENANT_PER_MINUTE": "0",
        }
        _manage("up", environment)
        try:
            stack: dict[str, Any] = json.loads((Path(folder) / "stack.json").read_text())
            os.environ |= environment | {
                "DATABASE_URL": stack["database_url"],
                "REDIS_URL": stack["broker_url"],
                "DJANGO_SETTINGS_MODULE": "shannon_project.settings",
            }
            return _measure(stack, asked.rows, asked.runs)
        finally:
            _manage("down", environment)


def _manage(command: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, str(ROOT / "manage.py"), command], env=environment, cwd=ROOT, check=True)


def _measure(stack: dict[str, Any], wanted: list[str] | None, runs: int) -> int:
    """Measure with Django set up against the stack's servers."""
    import django  # noqa: PLC0415 - the settings must see the stack's addresses

    django.setup()
    from benchmarks.report import machine_description, report_print, report_write  # noqa: PLC0415 - see above
    from benchmarks.rows import ROWS  # noqa: PLC0415 - see above

    rows = [row for name, measure in ROWS.items() if not wanted or name in wanted for row in measure(stack, runs)]
    machine = machine_description()
    report_print(rows, machine)
    if not wanted:
        report_write(rows, machine, ROOT / "benchmarks" / "results" / "latest.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
