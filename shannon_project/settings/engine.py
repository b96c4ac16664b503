"""The engine's times and limits; units are in the names."""

from decimal import Decimal

from shannon_project.settings.env import BASE_DIR, ENV

SHANNON_LEASE_SECONDS = ENV.lease_seconds
SHANNON_HEARTBEAT_SECONDS = ENV.heartbeat_seconds
SHANNON_RECOVER_INTERVAL_SECONDS = ENV.recover_interval_seconds
SHANNON_FAILPOINTS = ENV.failpoints  # for tests of faults: `shannon_project/foundation/failpoints.py`
SHANNON_WORKER_PING_SECONDS = ENV.worker_ping_seconds
SHANNON_WORKER_DEAF_PINGS = 3  # a worker that hears none of so many in a row makes room for another
SHANNON_WORKER_DEAF_GRACE_SECONDS = 20.0  # what it has to finish its steps; then it ends in the middle of them
SHANNON_WORKER_METRICS_PORT = ENV.worker_metrics_port
SHANNON_DRAIN_SLICE_SECONDS = 5.0  # a drainer rings again after this long, so that no task starves another
SHANNON_DRAIN_CONTENDED_SLICE_SECONDS = 0.5  # the same while other tasks wait for a worker
SHANNON_RESERVED_SHARE = 0.125  # of the workers' threads that no tenant takes beyond its share: others begin at once
SHANNON_PRESENCE_SECONDS = 5.0  # how often a worker tells that it is there; after three times as long it does not count
SHANNON_CLAIM_BATCH_STEPS = 16  # steps that one drainer claims at once while they prove to be short
SHANNON_STEP_MAX_ATTEMPTS = 3
SHANNON_STEP_MAX_ATTEMPTS_BY_KIND = {"plan": 4, "synthesize": 4}  # the whole task hangs on these
SHANNON_STEP_RETRY_BASE_SECONDS = 0.5  # the most that the first pause takes by itself; doubled for each failure
SHANNON_STEP_RETRY_MAX_SECONDS = 30.0
SHANNON_STEP_RETRY_AFTER_MAX_SECONDS = 600.0  # a provider that asks for more fails the step
SHANNON_TASK_DEFAULT_CONCURRENCY = 8
SHANNON_TASK_MAX_CONCURRENCY = 20
SHANNON_TASK_DEADLINE_SECONDS = 3600.0
SHANNON_PLAN_MAX_SUBTASKS = 20
SHANNON_QUERY_MAX_CHARS = 10_000  # the official client's own limit
SHANNON_CONTEXT_MAX_BYTES = 256 * 1024
SHANNON_STEP_DEADLINE_SECONDS = 600.0
SHANNON_STEP_DEADLINE_SECONDS_BY_KIND = {"plan": 300.0, "tool": 300.0}
SHANNON_APPROVAL_TIMEOUT_SECONDS = 1800.0  # how long a step waits for a person unless who asks says otherwise
SHANNON_APPROVAL_MAX_TIMEOUT_SECONDS = 7 * 24 * 3600.0
SHANNON_REVIEW_TIMEOUT_SECONDS = 900.0  # how long a plan waits for its review unless the request says otherwise
SHANNON_REVIEW_MAX_ROUNDS = 10
SHANNON_CALL_GRACE_SECONDS = 5.0  # a call, or a step, that lasts so much longer than it may hangs, and is given up
SHANNON_SHUTDOWN_GRACE_SECONDS = ENV.shutdown_grace_seconds
SHANNON_TASK_MAX_MESSAGES = 100  # that people may send to one running task
SHANNON_MESSAGE_MAX_BYTES = 32 * 1024  # of one such message; the reference system's own limit
SHANNON_STRATEGY_BROKEN_SECONDS = 60.0  # a strategy that breaks so long after the task's last event fails the task
SHANNON_QUEUES = ("control", "steps")
SHANNON_DOORBELL_LOST_SECONDS = 5.0  # a task with work to do that nobody was told of for this long is rung again
SHANNON_RECOVER_SERVER_UPTIME_SECONDS = ENV.lease_seconds  # after a restart of Postgres live workers beat first
SHANNON_RECOVER_BATCH = 1000  # steps that one transaction of recovery takes back, and tasks that it rings for
SHANNON_RECOVER_PASS_SECONDS = 20.0  # after this long a pass leaves the rest to the next one
SHANNON_RETENTION_MONTHS = ENV.retention_months
SHANNON_MONTHS_AHEAD = 2  # partitions of months to come that there always are
SHANNON_MONTHS_INTERVAL_SECONDS = 6 * 3600.0  # how often beat, and each worker by itself, looks after them
SHANNON_ROUTER_LEARNS = ENV.router_learns
SHANNON_TEMPLATES_MAX = 200  # names that one tenant may have
SHANNON_TEMPLATE_VERSIONS_MAX = 100  # of one template of a tenant; tasks have copies, so the oldest ones go
SHANNON_TENANT_MAX_OPEN_TASKS = ENV.tenant_max_open_tasks  # of a tenant that has no limit of its own
SHANNON_QUEUE_FULL_RETRY_SECONDS = 5  # when a submit that found its tenant's queue full may try again
SHANNON_SCHEDULES_MAX = 50  # of one tenant, paused ones included
SHANNON_SCHEDULE_MIN_INTERVAL_SECONDS = 300  # between two runs of one schedule
SHANNON_SCHEDULE_MISSED_SECONDS = 60.0  # a run that could not be started for so long was missed
SHANNON_SCHEDULE_QUEUED_MAX = 10  # runs of one schedule that wait for an earlier one; further ones are skipped
SHANNON_METRICS_TENANTS_MAX = (
    100  # the first so many tenants have a label of their own in metrics, the others share one
)
SHANNON_QUEUE_MEASURE_SECONDS = 5.0  # how often queues are measured for the metrics
SHANNON_TASK_BUDGET_TOKENS = 2_000_000  # what one task may use unless its request says less
SHANNON_TASK_BUDGET_USD = Decimal("20.00")
SHANNON_SESSION_BUDGET_TOKENS = 20_000_000
SHANNON_SESSION_BUDGET_USD = Decimal("200.00")
SHANNON_TEMPLATES_DIR = BASE_DIR / "examples" / "workflows"  # templates of the platform itself, loaded at the start
