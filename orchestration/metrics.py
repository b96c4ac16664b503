"""Metrics of tasks and steps. Labels have few values: never an id."""

from prometheus_client import Counter, Gauge, Histogram

TASKS_SUBMITTED = Counter("shannon_orchestration_tasks_submitted_total", "Tasks accepted.", ["strategy"])
TASKS_ENDED = Counter("shannon_orchestration_tasks_ended_total", "Tasks that ended, by status.", ["strategy", "status"])
TASK_SECONDS = Histogram(
    "shannon_orchestration_task_seconds",
    "From submit to end.",
    ["strategy"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
STEPS_ENDED = Counter("shannon_orchestration_steps_ended_total", "Executions of steps, by end.", ["kind", "status"])
STEP_SECONDS = Histogram(
    "shannon_orchestration_step_seconds",
    "One execution of a step.",
    ["kind"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
STEPS_RECOVERED = Counter("shannon_orchestration_steps_recovered_total", "Expired leases taken back.", ["outcome"])
STEPS_ABANDONED = Counter(
    "shannon_orchestration_steps_abandoned_total", "Steps taken from a thread whose call did not return."
)
WORKERS_DEAF = Counter("shannon_orchestration_workers_deaf_total", "Workers that no longer heard the broker and ended.")
DOORBELLS_RUNG_AGAIN = Counter("shannon_orchestration_doorbells_rung_again_total", "Doorbells that had been lost.")
DIRECT_REQUESTS = Counter(
    "shannon_orchestration_direct_requests_total",
    "Requests of /v1 that name one model; status 0: the client went away first.",
    ["path", "status"],
)
APPROVALS_ASKED = Counter("shannon_orchestration_approvals_asked_total", "Questions put to people.", ["requested_by"])
APPROVALS_CLOSED = Counter("shannon_orchestration_approvals_closed_total", "Questions closed, by how.", ["outcome"])

# Measured now and then by whoever recovers: of several processes' values the newest is the one that holds.
QUEUE_TASKS = Gauge(
    "shannon_orchestration_queue_tasks", "Tasks that have not ended.", ["tenant"], multiprocess_mode="mostrecent"
)
QUEUE_TASKS_NOT_BEGUN = Gauge(
    "shannon_orchestration_queue_tasks_not_begun",
    "Tasks that were accepted, wait for nobody, and were not advanced yet.",
    ["tenant"],
    multiprocess_mode="mostrecent",
)
QUEUE_STEPS = Gauge(
    "shannon_orchestration_queue_steps",
    "Steps that are ready and not begun.",
    ["tenant"],
    multiprocess_mode="mostrecent",
)
QUEUE_AGE_SECONDS = Gauge(
    "shannon_orchestration_queue_age_seconds",
    "How long the oldest ready step, or task that was not begun, has waited for a worker.",
    ["tenant"],
    multiprocess_mode="mostrecent",
)
WORKER_THREADS = Gauge(
    "shannon_orchestration_worker_threads", "Threads of the workers that are there.", multiprocess_mode="mostrecent"
)
FEEDBACK_GIVEN = Counter("shannon_orchestration_feedback_total", "What people said of answers.", ["rating"])
SCHEDULE_RUNS = Counter("shannon_orchestration_schedule_runs_total", "Times at which a schedule was due.", ["outcome"])
