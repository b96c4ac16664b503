"""Answers of the skill endpoints."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer


class SkillListQuery(StrictSerializer):
    """Which skills are listed."""

    category = serializers.CharField(required=False, default=None, max_length=64)


class SkillAnswer(serializers.Serializer[Any]):
    """A skill without its text."""

    name = serializers.CharField()
    version = serializers.CharField()
    category = serializers.CharField()
    description = serializers.CharField()
    requires_tools = serializers.ListField(child=serializers.CharField())
    dangerous = serializers.BooleanField(help_text="A task with it needs the scope tools:dangerous.")
    enabled = serializers.BooleanField()


class SkillListAnswer(serializers.Serializer[Any]):
    """The newest version of every skill, by name."""

    skills = SkillAnswer(many=True)


class SkillDetail(SkillAnswer):
    """A skill with its text."""

    author = serializers.CharField()
    requires_role = serializers.CharField(allow_null=True)
    budget_max = serializers.IntegerField(allow_null=True, help_text="Tokens of a task with it, unless it says more.")
    content = serializers.CharField(help_text="Markdown, for agents.")
    metadata = serializers.JSONField()
    scripts = serializers.SerializerMethodField(help_text="Names of its programs, which the tool skill_run runs.")

    def get_scripts(self, skill: Any) -> list[str]:
        """Their names."""
        return sorted(skill.scripts)


class SkillDetailAnswer(serializers.Serializer[Any]):
    """One skill."""

    skill = SkillDetail()


class SkillVersionsAnswer(serializers.Serializer[Any]):
    """All versions of a skill, the newest first."""

    versions = SkillAnswer(many=True)
