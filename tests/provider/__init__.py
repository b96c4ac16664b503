"""An OpenAI-compatible model server that fails as it is told to, and counts what it is asked.

In the process of a test: `with fault_provider() as provider: …`. As a process of its own, for whole stacks:
`python -m tests.provider --port 9009`, told its faults by `POST /faults` and asked for its calls by `GET /calls`.
"""

from tests.provider.faults import Fault
from tests.provider.server import FaultProvider, fault_provider

__all__ = ["Fault", "FaultProvider", "fault_provider"]
