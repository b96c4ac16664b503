"""The fast guest for `python`: a snapshot of CPython 3.14 with its usual modules imported, for `pyeryx`.

Making it takes 10 s of a core and happens once per machine; what a run imports from `_IMPORTS` costs it nothing. A
change of this file, of its start program or of pyeryx makes another snapshot.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

START = Path(__file__).with_name("fast_python_start.py").read_text(encoding="utf-8")
# What programs of models usually import. Every one is loaded in every guest, at no time and little memory.
IMPORTS = (
    "base64",
    "bisect",
    "calendar",
    "collections",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "html",
    "io",
    "itertools",
    "json",
    "linecache",
    "math",
    "operator",
    "os",
    "pathlib",
    "pprint",
    "random",
    "re",
    "shutil",
    "statistics",
    "string",
    "struct",
    "tempfile",
    "textwrap",
    "time",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "uuid",
    "zlib",
)
# What a program names that may look at its own source file. For all others it is not written: that takes a quarter of a
# short run, and tracebacks find its lines without it.
_SEES_ITS_FILE = re.compile(r"__file__|argv|main\.py|tmp|walk|listdir|scandir|glob|iterdir|exists|stat")


def engine_folder() -> Path | None:
    """Return where pyeryx is installed; None where it is not: it has no wheel for Python 3.11."""
    found = find_spec("eryx")
    return Path(found.origin).parent if found is not None and found.origin else None


def snapshot_path(cache_dir: Path) -> Path:
    """Return where the snapshot is kept; its name says from what it was made.

    Raises:
        FileNotFoundError: pyeryx is not installed.
    """
    folder = engine_folder()
    if folder is None:
        raise FileNotFoundError("pyeryx is not installed")
    engine = folder / "_eryx.abi3.so"  # its time and size stand for its version: hashing 95 MB would cost every start
    made_from = f"{engine.stat().st_mtime_ns} {engine.stat().st_size} {START} {IMPORTS}"
    return cache_dir / f"python-fast-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.bin"


def ready() -> str:
    """Return the source that has the start program do what does not depend on a program."""
    return "_ready()"


def program(code: str, *, stdin: bytes, files: Mapping[str, bytes]) -> str:
    """Return the source that has the start program run `code`."""
    source = f"result=_start({code!r}"  # said as shortly as can be: the guest compiles it in each run
    if stdin:
        source += f",stdin={stdin!r}"
    if files:
        packed = {path: b64encode(contents).decode() for path, contents in files.items()}
        source += f",files={packed!r}"
    if _SEES_ITS_FILE.search(code):
        source += ",has_file=True"
    return f"{source})"
