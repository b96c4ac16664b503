"""The engine's times and limits; units are in the names."""

from shannon_project.settings.env import ENV

SHANNON_LEASE_SECONDS = ENV.lease_seconds
SHANNON_HEARTBEAT_SECONDS = ENV.heartbeat_seconds
SHANNON_RECOVER_INTERVAL_SECONDS = ENV.recover_interval_seconds
SHANNON_WORKER_THREADS = ENV.worker_threads
SHANNON_WORKER_METRICS_PORT = ENV.worker_metrics_port
SHANNON_DRAIN_SLICE_SECONDS = 5.0  # a drainer rings again after this long, so that no task starves another
SHANNON_CLAIM_BATCH_STEPS = 16  # steps that one drainer claims at once while they prove to be short
SHANNON_STEP_MAX_ATTEMPTS = 3
SHANNON_TASK_DEFAULT_CONCURRENCY = 8
SHANNON_TASK_MAX_CONCURRENCY = 20
SHANNON_TASK_DEADLINE_SECONDS = 3600.0
SHANNON_PLAN_MAX_SUBTASKS = 20
SHANNON_QUERY_MAX_CHARS = 10_000  # the official client's own limit
SHANNON_CONTEXT_MAX_BYTES = 256 * 1024
