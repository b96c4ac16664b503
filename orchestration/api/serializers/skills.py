"""Bodies and answers of the skill endpoints."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer, TextField


class SkillListQuery(StrictSerializer):
    """Which skills are listed."""

    category = serializers.CharField(required=False, default=None, max_length=64)


class SkillBody(StrictSerializer):
    """A version of a skill to register."""

    document = TextField(
        trim_whitespace=False,
        max_length=100_000,
        help_text="A SKILL.md: frontmatter between two lines of ---, then text.",
    )
    scripts = serializers.DictField(
        child=TextField(trim_whitespace=False, allow_blank=True, max_length=262_144),
        default=dict,
        help_text="Its programs: name, which ends in .py, .js or .mjs, to source.",
    )


class SkillSwitchBody(StrictSerializer):
    """Whether the tenant's versions are on."""

    is_active = serializers.BooleanField()


class SkillAnswer(serializers.Serializer[Any]):
    """A skill without its text."""

    name = serializers.CharField()
    version = serializers.CharField()
    category = serializers.CharField()
    description = serializers.CharField()
    requires_tools = serializers.ListField(child=serializers.CharField())
    dangerous = serializers.BooleanField(help_text="A task with it needs the scope tools:dangerous.")
    enabled = serializers.BooleanField()
    is_own = serializers.BooleanField(help_text="The tenant registered it; otherwise it is the installation's.")


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
