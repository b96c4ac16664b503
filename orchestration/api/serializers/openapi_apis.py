"""Bodies and answers of the endpoints for APIs that are imported from OpenAPI documents."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers

from agents.models import OpenApi
from agents.services import OpenApiChanges
from orchestration.api.serializers.base import StrictSerializer, TextField


class OperationNamesField(serializers.ListField):
    """A list of operations' names or tags."""

    child = TextField(max_length=300)


class SchemeCredentialsField(serializers.DictField):
    """Credentials for one security scheme."""

    child = TextField(max_length=4000)


class OpenApiChangeBody(StrictSerializer):
    """What is to be changed; what is left out stays."""

    url = TextField(required=False, max_length=2000, help_text="Where the OpenAPI 3.0 or 3.1 document is.")
    document = TextField(
        required=False,
        trim_whitespace=False,
        max_length=settings.SHANNON_OPENAPI_DOCUMENT_MAX_BYTES,
        help_text="The document itself, JSON or YAML, in place of `url`.",
    )
    server_url = TextField(
        required=False, allow_blank=True, max_length=2000, help_text="Called in place of the document's servers."
    )
    credentials = serializers.DictField(
        child=SchemeCredentialsField(),
        required=False,
        help_text=(
            'By security scheme: {"value"} for a key, {"token"}, {"username", "password"}, or {"client_id", '
            '"client_secret", "scope"}. They replace those from before, and are never shown.'
        ),
    )
    tags = OperationNamesField(required=False, max_length=256, help_text="Import operations with one of these tags.")
    operations = OperationNamesField(
        required=False, max_length=256, help_text="Import these operations, by operationId or method and path."
    )
    operations_trusted = OperationNamesField(
        required=False, max_length=256, help_text="Operations that are not dangerous although they change something."
    )
    timeout_seconds = serializers.FloatField(
        required=False, min_value=1, max_value=settings.SHANNON_OPENAPI_TIMEOUT_SECONDS, help_text="Of one call."
    )
    is_active = serializers.BooleanField(required=False)

    @property
    def changes(self) -> OpenApiChanges:
        """The changes as the service takes them."""
        return OpenApiChanges(**{name: value for name, value in self.validated_data.items() if name != "name"})


class OpenApiBody(OpenApiChangeBody):
    """An API to import: `url` or `document` is given."""

    name = TextField(max_length=24, help_text="Letters a-z, digits and single _; part of its tools' names.")


class OperationAnswer(serializers.Serializer[Any]):
    """An imported operation."""

    tool = serializers.CharField(help_text="The tool's name.")
    operation = serializers.CharField(help_text="operationId, or method and path.")
    method = serializers.CharField()
    path = serializers.CharField()
    server = serializers.CharField()
    description = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    schema = serializers.JSONField(help_text="JSON schema of the arguments.")


class LeftOutAnswer(serializers.Serializer[Any]):
    """An operation that is no tool."""

    operation = serializers.CharField()
    reason = serializers.CharField()


class ImportReportAnswer(serializers.Serializer[Any]):
    """What became of a document's operations."""

    operations = serializers.IntegerField(help_text="In the document.")
    imported = serializers.IntegerField()
    filtered = serializers.IntegerField(help_text="Left out by `tags` and `operations`.")
    left_out = LeftOutAnswer(many=True, help_text="What cannot be called, with the reason; 200 at most.")
    simplified = serializers.ListField(
        child=serializers.CharField(), help_text="Operations whose schemas are shown in part: too large, or recursive."
    )
    problems = serializers.ListField(child=serializers.CharField(), help_text="What else of the document is not used.")


class OpenApiAnswer(serializers.ModelSerializer[OpenApi]):
    """An imported API, without its credentials."""

    has_credentials = serializers.SerializerMethodField(help_text="Whether credentials are stored; never shown.")
    security_schemes = serializers.SerializerMethodField(help_text="What credentials may be given for, with the kind.")
    operations = serializers.ListField(
        source="operations_wanted", child=serializers.CharField(), help_text="Names of operations to import besides."
    )
    tools = OperationAnswer(source="operations", many=True)
    report = ImportReportAnswer()

    class Meta:
        model = OpenApi
        fields: ClassVar = [
            "id",
            "name",
            "url",
            "title",
            "version",
            "server_url",
            "has_credentials",
            "credential_origins",
            "security_schemes",
            "tags",
            "operations",
            "operations_trusted",
            "timeout_seconds",
            "is_active",
            "tools",
            "report",
            "imported_at",
            "created_by",
            "created_at",
            "updated_at",
        ]

    def get_has_credentials(self, api: OpenApi) -> bool:
        """Tell whether credentials are stored."""
        return bool(api.encrypted_credentials)

    def get_security_schemes(self, api: OpenApi) -> dict[str, str]:
        """Return the kinds of the schemes by name."""
        return {name: scheme["kind"] for name, scheme in api.security_schemes.items()}


class OpenApiListAnswer(serializers.Serializer[Any]):
    """The tenant's APIs, by name."""

    apis = OpenApiAnswer(many=True)
