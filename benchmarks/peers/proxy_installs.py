"""Where proxies of others are installed, each in an environment of its own, at its first use."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
LITELLM_FOLDER: Final = ROOT / ".venv-bench-litellm"
PORTKEY_FOLDER: Final = ROOT / ".venv-bench-portkey"
LITELLM_PACKAGE: Final = "litellm[proxy]==1.106.2"
PORTKEY_PACKAGE: Final = "@portkey-ai/gateway@1.15.2"
INSTALL_SECONDS: Final = 45.0


class NotInstallable(Exception):
    """The proxy cannot be had here; the message says why."""


def litellm_command() -> Path:
    """Return litellm's proxy.

    Raises:
        NotInstallable: The package could not be installed in time.
    """
    command = LITELLM_FOLDER / "bin" / "litellm"
    uv = str(Path(sys.executable).parent / "uv")

    def install() -> None:
        _run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(LITELLM_FOLDER)])
        _run([uv, "pip", "install", "-q", "--python", str(LITELLM_FOLDER / "bin" / "python"), LITELLM_PACKAGE])

    _ensure(LITELLM_FOLDER, LITELLM_PACKAGE, install)
    return command


def portkey_command() -> list[str]:
    """Return what starts Portkey's gateway.

    Raises:
        NotInstallable: There is no Node here, or the package could not be installed in time.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotInstallable("there is no node with npm on this machine")

    def install() -> None:
        PORTKEY_FOLDER.mkdir(exist_ok=True)
        _run([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(PORTKEY_FOLDER), PORTKEY_PACKAGE])

    _ensure(PORTKEY_FOLDER, PORTKEY_PACKAGE, install)
    return [node, str(PORTKEY_FOLDER / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js")]


def _ensure(folder: Path, package: str, install: Callable[[], None]) -> None:
    """Install a package unless its mark is there."""
    mark = folder / "installed.json"
    if mark.exists() and _read(mark) == {"package": package}:
        return
    try:
        install()
    except (OSError, subprocess.SubprocessError) as error:
        raise NotInstallable(f"{package} could not be installed: {type(error).__name__}") from error
    mark.write_text(json.dumps({"package": package}))


def _read(mark: Path) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads(mark.read_text())
    return found


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_SECONDS, capture_output=True)
