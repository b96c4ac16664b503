"""Submits a task as wide as it is asked for, which the API offers nobody, in a process with the cluster's settings.

`python -m tests.acceptance.faults.wide_task KEY WIDTH INSTRUCTION` prints the task's id; each agent is asked the same.
"""

import sys

import django


def main(api_key: str, width: str, instruction: str) -> None:
    """Submit it for the tenant of a key."""
    django.setup()
    from orchestration.services import fanout_submit  # noqa: PLC0415
    from policy.services import principal_authenticate  # noqa: PLC0415

    principal = principal_authenticate(api_key=api_key)
    task = fanout_submit(principal=principal, width=int(width), concurrency_limit=int(width), instruction=instruction)
    print(task.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
