"""Giving up the file system, in a process of its own: there is no way back."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, os, sys
from sandbox.host.landlock import files_left
folder = sys.argv[1]
own = open(f"{folder}/kept")
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
if not files_left():
    print("not offered")
    sys.exit()
attempts = {
    "read": lambda: open(f"{folder}/kept"),
    "passwd": lambda: open("/etc/passwd"),
    "environment": lambda: open("/proc/self/environ"),
    "write": lambda: open(f"{folder}/kept", "r+"),
    "make": lambda: open(f"{folder}/made", "w"),
    "folder": lambda: os.mkdir(f"{folder}/made"),
    "list": lambda: os.listdir(folder),
    "remove": lambda: os.unlink(f"{folder}/kept"),
    "rename": lambda: os.rename(f"{folder}/kept", f"{folder}/renamed"),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except OSError:
        continue
    print("reached", name)
fd = os.memfd_create("own")
os.write(fd, b"mine")
print(open(f"/proc/self/fd/{fd}").read(), own.read())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_no_file_is_opened_made_or_removed_but_memory_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("open before", encoding="utf-8")
    ran = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    found = subprocess.run(ran, capture_output=True, text=True, check=True)
    assert found.stdout.strip() in {"mine open before", "not offered"}
