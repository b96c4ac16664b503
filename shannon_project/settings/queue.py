"""Celery. Each option has its reason: here, and in `docs/decisions/0002-chord-as-doorbell.md` and `0017-pools.md`."""

from datetime import timedelta

from shannon_project.settings.engine import SHANNON_MONTHS_INTERVAL_SECONDS
from shannon_project.settings.env import ENV
from shannon_project.settings.policy import SHANNON_LEDGER_CHECK_SECONDS

CELERY_BROKER_URL = ENV.redis_url
CELERY_RESULT_BACKEND = f"shannon_project.doorbell_backend:DoorbellBackend+{ENV.redis_url}"
# One for all threads of a process: otherwise each thread makes its own, with a pool of connections, when it first sends
# or ends a job, and web has a new thread for each request. Ours keeps nothing of a thread.
CELERY_RESULT_BACKEND_THREAD_SAFE = True
CELERY_REDIS_MAX_CONNECTIONS = 10_000  # the backend's: as many as threads end jobs at the same moment, not 100
CELERY_WORKER_POOL = "threads"  # agents wait for models; and a fork after the sandbox hosts are up would share them
CELERY_WORKER_CONCURRENCY = ENV.worker_threads
CELERY_TASK_DEFAULT_QUEUE = "control"  # whatever is short: what happens next must not stand behind what takes minutes
CELERY_TASK_ROUTES = {
    "orchestration.jobs.run_steps": {"queue": "steps"},
    "orchestration.jobs.aftermath": {"queue": "steps"},  # it embeds, for which control workers load nothing
    "orchestration.jobs.mcp_servers": {"queue": "steps"},  # it waits for others, with a library of 57 MB
}
CELERY_TASK_SERIALIZER = "json"  # only ids cross the broker, and whoever can write to it must not run code here
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False  # a lost doorbell is rung again by the recoverer; a redelivered one would be noise
CELERY_WORKER_DIRECT = True  # each worker has a queue of its own besides: through it, it asks whether it still hears
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a busy worker must not hoard doorbells that an idle one could answer
CELERY_RESULT_EXPIRES = 3600  # seconds; header results are counts of a few bytes
CELERY_TASK_SEND_SENT_EVENT = True  # with the next one: Flower shows each job from its sending to its end
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_TRACK_STARTED = False  # a write to the broker for each job that nobody reads: the step's row says so
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True  # with the next one: a worker waits for its broker for ever
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # What a worker received and has not begun is kept in its memory, and put back when it stops, not written to the
    # broker and deleted again: two round trips for each message, by which one that is killed would be missed after an
    # hour. Recovery misses its steps within seconds.
    "ack_emulation": False,
    "socket_timeout": 10,  # a broker that is silent for so long is left and connected to anew
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 15,
    # a doorbell that cannot be rung at once is rung by the recoverer: nobody waits for a broker that is away
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {
    "retry_policy": {"max_retries": 2, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2}
}
CELERY_REDIS_SOCKET_TIMEOUT = 10.0
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 3.0
CELERY_REDIS_RETRY_ON_TIMEOUT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # logs are JSON lines, as everywhere
# Beat only rings: what is due is in rows, and each worker finds it too.
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "recover": {
        "task": "orchestration.jobs.recover",
        "schedule": timedelta(seconds=ENV.recover_interval_seconds),
        "options": {"expires": ENV.recover_interval_seconds * 2},
    },
    "months": {
        "task": "orchestration.jobs.months",
        "schedule": timedelta(seconds=SHANNON_MONTHS_INTERVAL_SECONDS),
        "options": {"expires": 3600},
    },
    "expire_reservations": {
        "task": "policy.jobs.expire_reservations",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 120},
    },
    "mcp_servers": {
        "task": "orchestration.jobs.mcp_servers",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
    "check_ledger": {
        "task": "policy.jobs.check_ledger",
        "schedule": timedelta(seconds=SHANNON_LEDGER_CHECK_SECONDS),
        "options": {"expires": SHANNON_LEDGER_CHECK_SECONDS},
    },
}
CELERY_TIMEZONE = "UTC"
