"""Bodies and answers of the endpoints that register tools."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from agents.models import OwnToolRow
from agents.services import OwnToolChanges
from orchestration.api.serializers.base import ObjectField, OneOfField, StrictSerializer, TextField, WholeNumberField

_GUESTS = ("javascript", "module", "python")
_SCHEMA_BYTES = 64_000


class OwnToolChangeBody(StrictSerializer):
    """What is to be changed; what is left out stays."""

    description = TextField(required=False, max_length=1000, help_text="For models: what it does, and when to use it.")
    guest = OneOfField(_GUESTS, required=False, help_text="What runs it.")
    module = TextField(required=False, allow_blank=True, max_length=64, help_text="Name of an uploaded module.")
    code = TextField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=100_000,
        help_text="Source, for the guests javascript and python.",
    )
    parameters = ObjectField(
        max_bytes=_SCHEMA_BYTES, required=False, help_text="JSON schema of its arguments, which it reads as JSON."
    )
    returns = ObjectField(
        max_bytes=_SCHEMA_BYTES, required=False, help_text="JSON schema of what it prints; {}: anything."
    )
    uses_files = serializers.BooleanField(required=False, help_text="It works on the session's files.")
    dangerous = serializers.BooleanField(required=False, help_text="Calling it needs the scope tools:dangerous.")
    requires_approval = serializers.BooleanField(required=False, help_text="A person must agree to every call.")
    calls_per_minute = WholeNumberField(required=False, min_value=0, max_value=1_000_000, help_text="0: any number.")
    wall_seconds = serializers.FloatField(
        required=False, min_value=0.01, max_value=settings.SHANNON_SANDBOX_WALL_SECONDS, help_text="Of one run."
    )
    memory_bytes = WholeNumberField(
        required=False,
        min_value=0,
        max_value=settings.SHANNON_SANDBOX_MEMORY_BYTES,
        help_text="Of one run; 0: the platform's limit.",
    )
    is_active = serializers.BooleanField(required=False)

    @property
    def changes(self) -> OwnToolChanges:
        """The changes as the service takes them."""
        return OwnToolChanges(**{name: value for name, value in self.validated_data.items() if name != "name"})


class OwnToolBody(OwnToolChangeBody):
    """A tool to register."""

    name = TextField(max_length=40, help_text="Agents call it own__<name>.")
    description = TextField(max_length=1000, help_text="For models: what it does, and when to use it.")
    guest = OneOfField(_GUESTS, help_text="What runs it.")


class OwnToolAnswer(serializers.Serializer[OwnToolRow]):
    """A tool of the tenant's own, with its program."""

    name = serializers.SerializerMethodField(help_text="As agents and `execute` call it.")
    description = serializers.CharField()
    guest = serializers.CharField()
    module = serializers.CharField(allow_blank=True)
    code = serializers.CharField(allow_blank=True)
    parameters = serializers.JSONField()
    returns = serializers.JSONField()
    uses_files = serializers.BooleanField()
    dangerous = serializers.BooleanField()
    requires_approval = serializers.BooleanField()
    calls_per_minute = serializers.IntegerField(allow_null=True)
    wall_seconds = serializers.FloatField()
    memory_bytes = serializers.IntegerField(allow_null=True)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_name(self, row: Any) -> str:
        """Its name with what all such names begin with."""
        return f"own__{row.name}"
