"""Temporal's development server: a workflow with `width` activities that do nothing, all started at once."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@activity.defn
async def work(number: int) -> int:
    """Do nothing, durably."""
    return number


@workflow.defn
class FanOut:
    """Starts and waits."""

    @workflow.run
    async def run(self, width: int) -> int:
        """Return how many were done."""
        timeout = timedelta(seconds=60)
        calls = [workflow.execute_activity(work, number, start_to_close_timeout=timeout) for number in range(width)]
        return len(await asyncio.gather(*calls))


async def measure(address: str, width: int, runs: int) -> list[float]:
    """Return the milliseconds of each run after a first that does not count."""
    for _ in range(100):
        try:
            client = await Client.connect(address)
            break
        except RuntimeError:
            await asyncio.sleep(0.2)
    milliseconds = []
    async with Worker(
        client, task_queue="noops", workflows=[FanOut], activities=[work], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        for _ in range(runs + 1):
            started = time.perf_counter()
            done = await client.execute_workflow(FanOut.run, width, id=uuid4().hex, task_queue="noops")
            milliseconds.append((time.perf_counter() - started) * 1000)
            assert done == width
    return milliseconds[1:]


def main(width: int, runs: int) -> None:
    """Start the server, measure, stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "temporal"), "server", "start-dev", "--headless", "--port", str(port)]
    with subprocess.Popen([*command, "--log-level", "error"], stdout=subprocess.DEVNULL) as server:
        try:
            print(json.dumps(asyncio.run(measure(f"127.0.0.1:{port}", width, runs))))
        finally:
            server.terminate()


main(int(sys.argv[2]), int(sys.argv[3]))
