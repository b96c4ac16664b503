"""Checks policies in a child process before they are stored.

The compiler and the evaluation are C++: a source may crash them (twenty thousand nested brackets do) or never end.
That happens to a child with a time limit, and never to the web process or, later, to every worker. The limit is of
processor time: on a busy machine a policy that is right waits, and is not refused.
"""

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from policy.errors import PolicyFailed, PolicyInvalid
from policy.evaluation.backend import CompiledPolicies
from policy.evaluation.combine import combine
from policy.evaluation.source import PolicySource
from policy.types import Action

CHECK_CPU_SECONDS = 10
CHECK_WALL_SECONDS = 120.0  # of a child that got no processor: nothing in a policy waits
_ROOT = Path(__file__).resolve().parent.parent.parent
_EMPTY_PRINCIPAL = {"tenant_id": "", "actor": "", "user_id": "", "scopes": [], "roles": []}


def policies_check(sources: Sequence[PolicySource]) -> None:
    """Compile the policies together and ask them about every action once.

    Raises:
        PolicyInvalid: They do not compile, crash the compiler, or take longer than 10 s of processor time.
    """
    for source in sources:
        source.check_text()
    try:
        child = subprocess.run(  # noqa: S603 - our own module, a number
            [sys.executable, "-m", "policy.evaluation.check", str(CHECK_CPU_SECONDS)],
            input=json.dumps([asdict(source) for source in sources]),
            capture_output=True,
            text=True,
            timeout=CHECK_WALL_SECONDS,
            check=False,
            cwd=_ROOT,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise PolicyInvalid(f"The policy could not be checked within {CHECK_WALL_SECONDS:.0f} s.") from error
    if child.returncode == -signal.SIGXCPU:
        raise PolicyInvalid(f"The policy did not answer within {CHECK_CPU_SECONDS} s of processor time.")
    if child.returncode < 0:
        raise PolicyInvalid(f"The policy ends the Rego compiler with signal {-child.returncode}.")
    if child.returncode > 0:
        raise PolicyInvalid(child.stderr.strip()[-2_000:] or "The policy could not be checked.")


def main() -> int:
    """Check the sources that stand on standard input as JSON; a refusal is written to standard error."""
    seconds, bound = int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_CPU)[1]
    allowed_seconds = seconds if bound == resource.RLIM_INFINITY else min(seconds, bound)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed_seconds, bound))
    try:
        compiled = CompiledPolicies([PolicySource(**source) for source in json.load(sys.stdin)])
        for action in Action:
            question = {"action": action.value, "principal": _EMPTY_PRINCIPAL, "resource": {}}
            combine(compiled.contributions(action, question), compiled.versions)
    except (PolicyInvalid, PolicyFailed) as error:
        sys.stderr.write(error.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
