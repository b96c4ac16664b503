"""What a measurement is, and how it is shown."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measure. `reference` is what it is compared with, in the same run and unit; `ratio` is ours / reference.

    `key` names it for plots. `target` is what it aims at, in words; `met` is None when there is none.
    """

    name: str
    unit: str
    ours: float
    ours_min: float
    ours_max: float
    reference_name: str = ""
    reference: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    runs: int = 0
    note: str = ""
    key: str = ""


@dataclass(slots=True)
class Run:
    """What a run found: rows, why others could not be measured, and how long each took, by name."""

    rows: list[Row] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def spread(values: list[float]) -> tuple[float, float, float]:
    """Return median, minimum and maximum."""
    return median(values), min(values), max(values)


def machine_description() -> dict[str, str]:
    """Return what the figures were measured on, without anything that names the machine."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "memory_gib": str(round(pages * page_bytes / 2**30)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "celery": version("celery"),
        "django": version("django"),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def report_print(run: Run, machine: dict[str, str]) -> None:
    """Print the table, those that failed in it, then the notes and the sum."""
    table = Table(title=f"{machine['cores']} × {machine['cpu']}, Python {machine['python']}")
    for heading in ("measure", "target", "figure", "min … max", "compared with", "ratio", "verdict"):
        table.add_column(heading)
    for row in run.rows:
        table.add_row(
            row.name,
            row.target,
            f"{row.ours:.2f} {row.unit}",
            f"{row.ours_min:.2f} … {row.ours_max:.2f}",
            "" if row.reference is None else f"{row.reference_name}: {row.reference:.2f}",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            {None: "", True: "met", False: "MISSED"}[row.met],
            style="bold red" if row.met is False else None,
        )
    for name, reason in run.failures.items():
        table.add_row(name, "", escape(reason[:80]), "", "", "", "FAILED", style="red")
    console = Console(width=160)
    console.print(table)
    for row in run.rows:
        if row.note:
            console.print(f"{row.name}: {row.note}", markup=False)
    for name, reason in run.failures.items():
        console.print(f"FAILED: {name}: {reason}", style="red", markup=False)
    console.print(_summary(run), markup=False)


def _summary(run: Run) -> str:
    met, missed = (sum(row.met is verdict for row in run.rows) for verdict in (True, False))
    slowest = sorted(run.seconds.items(), key=lambda item: -item[1])[:3]
    longest = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slowest)
    told = f"{met} targets met, {missed} missed, {len(run.failures)} measurements failed"
    return f"{told}, in {sum(run.seconds.values()):.0f} s (longest: {longest})"


def report_write(run: Run, machine: dict[str, str], path: Path) -> None:
    """Write the results beside the machine's description."""
    path.parent.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": machine,
        "rows": [asdict(row) for row in run.rows],
        "not_measured": run.failures,
        "seconds": run.seconds,
    }
    path.write_text(json.dumps(results, indent=2) + "\n")
    Console().print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name}")
