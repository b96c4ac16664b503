"""What the sandbox counts."""

from prometheus_client import Counter, Histogram

RUNS = Counter("shannon_sandbox_runs_total", "Programs run in the sandbox.", ["guest", "outcome"])
RUN_SECONDS = Histogram(
    "shannon_sandbox_run_seconds",
    "Time from asking for a run to its result, waiting for a sandbox host included.",
    ["guest"],
    buckets=(0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
HOSTS_REPLACED = Counter("shannon_sandbox_hosts_replaced_total", "Sandbox hosts that were replaced.", ["reason"])
