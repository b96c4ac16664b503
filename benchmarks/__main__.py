"""Start a stack of its own, measure every row, print a table, write the results, plots and tables."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from shannon_project.stack.ports import free_port

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the rows that were asked for; all by default."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("rows", nargs="*", help="names of rows, for example fanout submit; none: all")
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each fan-out, after one warm-up")
    parser.add_argument("--scale", type=float, default=1.0, help="less than 1: smaller counts, to see that it works")
    parser.add_argument("--minutes", type=float, default=11.0, help="for all rows together; what is left is told")
    parser.add_argument("--tables", action="store_true", help="write the tables in docs of the rows that are named")
    parser.add_argument("--write", action="store_true", help="write the results of named rows as well: they become all")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shannon-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # Postgres runs as another user when we are root
        environment = {
            name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}
        } | {
            "SHANNON_LOCAL_DIR": folder,
            "SHANNON_SANDBOX_CACHE_DIR": str(ROOT / ".local" / "sandbox-cache"),
            "SHANNON_MODEL": "",
            "SHANNON_LOG_LEVEL": "WARNING",
            # For the rows that ask a provider; it runs only while they are measured.
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port(0)}/v1",
            "SHANNON_MODELS_ALLOWED": "openai/bench-model",
            "SHANNON_RATE_LIMIT_KEY_PER_MINUTE": "0",
            "SHANNON_RATE_LIMIT_TENANT_PER_MINUTE": "0",
        }
        try:
            _manage("up", environment, f"--while-pid={os.getpid()}")  # however we end, the stack ends with us
            stack: dict[str, Any] = json.loads((Path(folder) / "stack.json").read_text())
            stack["log_dir"] = f"{folder}/log"
            os.environ |= environment | {
                "DATABASE_URL": stack["database_url"],
                "REDIS_URL": stack["broker_url"],
                "DJANGO_SETTINGS_MODULE": "shannon_project.settings",
                "SHANNON_SECRET_KEY": token_urlsafe(48),  # of the web server that a row starts
            }
            return _measure(stack, asked)
        finally:
            _manage("down", environment)


def _manage(command: str, environment: dict[str, str], *options: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "manage.py"), command, *options], env=environment, cwd=ROOT, check=True)


def _measure(stack: dict[str, Any], asked: argparse.Namespace) -> int:
    """Measure with Django set up against the stack's servers; a row that fails is told and stops no other."""
    import django  # noqa: PLC0415 - the settings must see the stack's addresses

    django.setup()
    from benchmarks.bench import Bench, run_rows  # noqa: PLC0415 - see above
    from benchmarks.plots import plots_write  # noqa: PLC0415 - see above
    from benchmarks.report import machine_description, report_print, report_write  # noqa: PLC0415 - see above
    from benchmarks.rows import ROWS  # noqa: PLC0415 - see above
    from benchmarks.tables import tables_write  # noqa: PLC0415 - see above

    unknown = sorted(set(asked.rows) - set(ROWS))
    if unknown:
        print(f"There is no row {', '.join(unknown)}; there are {', '.join(ROWS)}.", file=sys.stderr)
        return 2
    chosen = {name: row for name, row in ROWS.items() if not asked.rows or name in asked.rows}
    run = run_rows(Bench(stack, asked.runs, asked.scale), chosen, minutes=asked.minutes)
    machine = machine_description()
    report_print(run, machine)
    if asked.scale == 1.0 and (asked.write or not asked.rows):
        report_write(run, machine, ROOT / "benchmarks" / "results" / "latest.json")
        plots_write(run.rows, ROOT / "docs")
    if asked.scale == 1.0 and (asked.write or asked.tables or not asked.rows):
        tables_write(run.rows, ROOT / "docs")
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
