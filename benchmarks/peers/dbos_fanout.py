"""DBOS: a workflow that enqueues `width` workflows which do nothing, and waits for all of them."""

import json
import sys
import time

from dbos import DBOS

QUEUE = "noops"


@DBOS.workflow()
def work(number: int) -> int:
    """Do nothing, durably."""
    return number


@DBOS.workflow()
def fan_out(width: int) -> int:
    """Enqueue and wait."""
    handles = [DBOS.enqueue_workflow(QUEUE, work, number) for number in range(width)]
    return len([handle.get_result(polling_interval_sec=0.02) for handle in handles])


def main(database_url: str, width: int, runs: int) -> None:
    """Print the milliseconds of each run after a first that does not count."""
    url = database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR"})
    DBOS.launch()
    DBOS.register_queue(QUEUE, polling_interval_sec=0.02)
    milliseconds = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        done = fan_out(width)
        milliseconds.append((time.perf_counter() - started) * 1000)
        assert done == width
    print(json.dumps(milliseconds[1:]))
    DBOS.destroy()


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
