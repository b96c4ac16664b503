"""Proxies of others for models, each a process on loopback in front of the same provider."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.peers.proxy_installs import litellm_command, portkey_command

ROOT = Path(__file__).resolve().parents[2]
MODEL = "openai/bench-model"
KEY = "sk-bench"
_OURS = frozenset({"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "REDIS_URL"})  # a proxy would take them for its own
_START_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where chats are sent, and with which headers and model."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = MODEL


@contextmanager
def process(command: list[str], ready_url: str, **variables: str) -> Iterator[None]:
    """Run a server for as long as the block; it is ready when it answers anything."""
    kept = {name: value for name, value in os.environ.items() if name not in _OURS}
    running = subprocess.Popen(
        command, env={**kept, **variables}, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(running, ready_url)
        yield
    finally:
        running.terminate()
        running.wait(20)


def _wait(running: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and running.poll() is None:
        try:
            httpx.get(url, timeout=2.0)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"{running.args!r} does not answer at {url}")


@contextmanager
def provider_of(port: int) -> Iterator[Target]:
    """Run the provider itself."""
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.provider:application", "--port", str(port)]
    with process([*command, "--log-level", "warning", "--lifespan", "off"], url):
        yield Target("the provider itself", f"{url}/v1/chat/completions")


@contextmanager
def litellm_proxy(provider_url: str, port: int, folder: Path) -> Iterator[Target]:
    """Run litellm's proxy, without a database.

    Raises:
        NotInstallable: It cannot be had here.
    """
    program = litellm_command()
    config = folder / "litellm.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: {MODEL}\n"
        f"      api_base: {provider_url}/v1\n      api_key: {KEY}\n"
        "litellm_settings:\n  telemetry: false\n"
    )
    command = [str(program), "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}"
    variables = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # on loopback, for as long as it is measured
    }
    with process(command, f"{url}/health/liveliness", **variables):
        yield Target("litellm's proxy", f"{url}/v1/chat/completions", {"Authorization": f"Bearer {KEY}"})


@contextmanager
def portkey(provider_url: str, port: int) -> Iterator[Target]:
    """Run Portkey's gateway.

    Raises:
        NotInstallable: It cannot be had here.
    """
    command = portkey_command()
    url = f"http://127.0.0.1:{port}"
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{provider_url}/v1",
        "Authorization": f"Bearer {KEY}",
    }
    with process([*command, "--headless", f"--port={port}"], url, TRUSTED_CUSTOM_HOSTS="127.0.0.1"):
        yield Target("Portkey's gateway", f"{url}/v1/chat/completions", headers)
