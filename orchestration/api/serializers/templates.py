"""Bodies and answers of the template endpoints."""

from typing import Any

from rest_framework import serializers

from agents.selectors import roles_of
from orchestration.api.serializers.base import ObjectField, StrictSerializer, TextField
from orchestration.models import WorkflowTemplate
from orchestration.strategies.workflow import Workflow
from orchestration.workflows.estimate import dry_run
from orchestration.workflows.source import SOURCE_MAX_CHARACTERS


class TemplateBody(StrictSerializer):
    """A template to be saved."""

    source = TextField(  # type: ignore[assignment] # a field of this name, not the argument of fields
        max_length=SOURCE_MAX_CHARACTERS, trim_whitespace=False, help_text="YAML."
    )


class DryRunBody(StrictSerializer):
    """Values to try a template with."""

    inputs = ObjectField(max_bytes=32 * 1024, required=False, default=dict)
    version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)


class TemplateQuery(StrictSerializer):
    """Which version; absent: the latest."""

    version = serializers.IntegerField(required=False, default=None, min_value=1)


class TemplateSummaryAnswer(serializers.Serializer[WorkflowTemplate]):
    """A template in a list."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    description = serializers.SerializerMethodField()
    is_own = serializers.SerializerMethodField(help_text="False: the platform's.")
    inputs = serializers.SerializerMethodField(help_text="JSON schema of `template_inputs`.")
    created_at = serializers.DateTimeField()

    def get_description(self, template: WorkflowTemplate) -> str:
        """What it is for."""
        return str(template.workflow.get("description", ""))

    def get_is_own(self, template: WorkflowTemplate) -> bool:
        """Whether it is the tenant's own."""
        return template.tenant_id is not None

    def get_inputs(self, template: WorkflowTemplate) -> dict[str, Any]:
        """What it wants to be given."""
        return dict(template.workflow.get("inputs") or {"type": "object"})


class TemplateListAnswer(serializers.Serializer[Any]):
    """The latest version of each template, by name."""

    templates = TemplateSummaryAnswer(many=True)


class TemplateAnswer(TemplateSummaryAnswer):
    """Everything about a version of a template."""

    source = serializers.CharField()  # type: ignore[assignment] # a field of this name, not the argument of fields
    origin = serializers.CharField()
    graph = serializers.SerializerMethodField(help_text="Nodes, edges, and the worst case in calls, tokens and USD.")

    def get_graph(self, template: WorkflowTemplate) -> dict[str, Any]:
        """What `dry-run` says without inputs."""
        return dry_run(Workflow.model_validate(template.workflow), roles=roles_of(template.tenant_id))


class DryRunAnswer(serializers.Serializer[Any]):
    """What a run would do, and cost at most. Nothing was run."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    inputs = serializers.JSONField(help_text="As the run would have them, defaults filled in.")
    graph = serializers.JSONField()
