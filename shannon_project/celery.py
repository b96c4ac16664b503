"""The Celery application. Jobs live in each app's `jobs.py`; enqueueing in `orchestration/engine/dispatch.py`."""

import os

from shannon_project.foundation.job_events import EventsTogether
from shannon_project.foundation.messages import BatchingCelery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shannon_project.settings")

celery_app = BatchingCelery("shannon")
celery_app.config_from_object("django.conf:settings", namespace="CELERY")
celery_app.steps["consumer"].add(EventsTogether)
celery_app.autodiscover_tasks(related_name="jobs")
celery_app.autodiscover_tasks(related_name="worker")  # life-cycle hooks; loaded in workers only
