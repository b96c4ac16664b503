"""Queries and answers of the module endpoints."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer


class ModuleUploadQuery(StrictSerializer):
    """What the uploader says of the module."""

    sha256 = serializers.RegexField(
        r"^[0-9a-fA-F]{64}\Z", required=False, default="", help_text="Refused when the body is another module."
    )
    capabilities = serializers.CharField(
        required=False,
        default=None,
        allow_blank=True,
        max_length=100,
        help_text="What it may import, comma-separated: files, clock, random. Absent: all of these.",
    )
    description = serializers.CharField(required=False, default="", max_length=500, help_text="For models.")


class ModuleAnswer(serializers.Serializer[Any]):
    """What is known of a module."""

    name = serializers.CharField()
    description = serializers.CharField()
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    imports = serializers.ListField(child=serializers.CharField(), help_text="WASI functions that it calls.")
    capabilities = serializers.ListField(child=serializers.CharField())
    created_by = serializers.CharField()


class ModuleListAnswer(serializers.Serializer[Any]):
    """The tenant's modules by name."""

    modules = ModuleAnswer(many=True)
