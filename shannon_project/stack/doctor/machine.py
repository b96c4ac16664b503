"""Checks of this machine: interpreter, packages, disk, sandbox."""

import os
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

from packaging.markers import Marker

from sandbox.services import execute, shutdown
from sandbox.types import ExecutionRequest, Outcome
from shannon_project.settings.env import BASE_DIR
from shannon_project.stack.doctor.base import Complaint, Patient

_FREE_MIN_BYTES = 1024**3
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)\s*(?:;\s*(.+?))?\s*$")


def python_version(_patient: Patient) -> str:
    """Return the interpreter's version if it is one that we run on."""
    name = ".".join(str(part) for part in sys.version_info[:3])
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise Complaint(f"Python {name}")
    return f"Python {name}"


def packages(_patient: Patient) -> str:
    """Compare what is installed with requirements.txt."""
    wrong, count = [], 0
    for line in (BASE_DIR / "requirements.txt").read_text().splitlines():
        pin = _PIN.match(line)
        if pin is None or (pin[3] and not Marker(pin[3]).evaluate()):
            continue
        count += 1
        try:
            installed = version(pin[1])
        except PackageNotFoundError:
            installed = "missing"
        if installed != pin[2]:
            wrong.append(f"{pin[1]} is {installed}, not {pin[2]}")
    if wrong:
        raise Complaint(f"{len(wrong)} of {count} packages differ: " + "; ".join(wrong[:5]))
    return f"{count} packages as pinned"


def disk(patient: Patient) -> str:
    """Look for room and for the right to write."""
    folder = patient.paths.local_dir
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        raise Complaint(f"{existing} is not writable")
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < _FREE_MIN_BYTES:
        raise Complaint(f"{free_bytes / 1024**2:.0f} MiB free at {existing}, 1024 are needed")
    for path in (patient.paths.state, patient.paths.env, patient.paths.credentials):
        if path.exists() and path.stat().st_mode & 0o077:
            raise Complaint(f"others may read {path}, which holds secrets", f"chmod 600 {path}")
    return f"{free_bytes / 1024**3:.0f} GiB free, {folder} is writable"


def sandbox(_patient: Patient) -> str:
    """Run a line of Python in the sandbox, as the `python` tool would."""
    try:
        result = execute(ExecutionRequest(guest="python", code="print(6 * 7)"))
    finally:
        shutdown()
    if result.outcome is not Outcome.OK or result.stdout.strip() != "42":
        raise Complaint(f"a line of Python ended as {result.outcome}: {result.message or result.stderr[-300:]}")
    return f"{result.runtime} ran a line of Python in {result.resources.wall_seconds * 1000:.0f} ms"
