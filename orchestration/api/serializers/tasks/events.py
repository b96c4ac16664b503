"""Events of a task, in pages."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from orchestration.api.serializers.base import (
    PageQuery,
)


class EventListQuery(PageQuery):
    """Which events are listed."""

    limit = serializers.IntegerField(
        default=settings.SHANNON_EVENTS_PAGE_MAX, min_value=1, max_value=settings.SHANNON_EVENTS_PAGE_MAX
    )


class EventAnswer(serializers.Serializer[Any]):
    """One thing that happened in a task."""

    workflow_id = serializers.UUIDField()
    type = serializers.CharField()
    agent_id = serializers.CharField()
    step_key = serializers.CharField()
    message = serializers.CharField()
    payload = serializers.JSONField()
    timestamp = serializers.DateTimeField()
    seq = serializers.IntegerField(help_text="From 1, without gaps.")
    stream_id = serializers.CharField(help_text="What `Last-Event-ID` takes.")


class EventPageAnswer(serializers.Serializer[Any]):
    """A page of events, oldest first."""

    events = EventAnswer(many=True)
    total_count = serializers.IntegerField()
