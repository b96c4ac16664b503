"""The server as a process of its own: prints its address, and serves until it is told to stop."""

import argparse
import signal
import threading

from tests.provider.server import fault_provider


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m tests.provider")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    asked = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with fault_provider(asked.port) as provider:
        print(provider.base_url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
