"""A message to a running task."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer, TextField


class MessageBody(StrictSerializer):
    """What is said."""

    message = TextField(trim_whitespace=False, help_text="At most 32 KiB as UTF-8.")
    to = TextField(required=False, allow_blank=True, default="", max_length=128, help_text="An agent; absent: all.")


class MessageAnswer(serializers.Serializer[Any]):
    """That it was taken."""

    success = serializers.BooleanField()
    status = serializers.CharField()
    number = serializers.IntegerField(help_text="Of the messages to this task, from 1.")
