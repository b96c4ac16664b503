"""Puts a recorded history into a database, so that it can be replayed there."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core import serializers

from agents.models import Session
from orchestration.models import Task
from policy.models import Tenant

FOLDER = Path(__file__).parent


def history_load(path: Path) -> Task:
    """Insert a history's rows under their own ids, and return its task; what it was forked from is not there."""
    history: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert history["format"] == 1
    tenant = Tenant.objects.create(id=UUID(history["tenant_id"]), slug=path.stem[:60], name=path.stem)
    Session.objects.create(id=UUID(history["session_id"]), tenant=tenant, user_id="recorded")
    for row in history["rows"]:
        if row["model"] == "orchestration.task":
            row["fields"]["forked_from"] = None
    for item in serializers.deserialize("python", history["rows"]):
        item.save()
    return Task.objects.get(id=UUID(history["task_id"]))
