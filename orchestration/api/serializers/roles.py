"""Bodies and answers of the endpoints for roles."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from agents.selectors import Role
from agents.services import RoleChanges
from orchestration.api.serializers.base import StrictSerializer, TextField, WholeNumberField


@dataclass(frozen=True, slots=True)
class NamedRole:
    """A role and how it is told of."""

    name: str
    role: Role
    is_own: bool
    is_active: bool = True


class RoleChangeBody(StrictSerializer):
    """What is to be changed; what is left out stays."""

    description = TextField(required=False, max_length=300, help_text="What it does; planners choose by it.")
    brief = TextField(required=False, allow_blank=True, max_length=8000, help_text="Added to every agent's prompt.")
    tools = serializers.ListField(child=TextField(max_length=200), required=False, max_length=64)
    tier = TextField(required=False, max_length=16)
    max_turns = WholeNumberField(required=False, min_value=1, max_value=100, help_text="Model calls of one step.")
    max_output_tokens = WholeNumberField(required=False, min_value=1, max_value=200_000, help_text="Of one model call.")
    budget_tokens = WholeNumberField(
        required=False, min_value=0, max_value=settings.SHANNON_TASK_BUDGET_TOKENS, help_text="Of a step; 0: no limit."
    )
    budget_usd = serializers.DecimalField(
        required=False, min_value=Decimal(0), max_digits=12, decimal_places=6, help_text="Of a step; 0: no limit."
    )
    budget_ask_person_percent = WholeNumberField(
        required=False,
        min_value=0,
        max_value=100,
        help_text="Of the step's budget; from there on a person is asked before it goes on. 0: nobody is.",
    )
    is_active = serializers.BooleanField(required=False)

    @property
    def changes(self) -> RoleChanges:
        """The changes as the service takes them."""
        values = {name: value for name, value in self.validated_data.items() if name != "name"}
        return RoleChanges(**values | ({"tools": tuple(values["tools"])} if "tools" in values else {}))


class RoleBody(RoleChangeBody):
    """A role to make."""

    name = TextField(max_length=32, help_text="A letter a-z, then letters a-z, digits, _ and -.")
    description = TextField(max_length=300, help_text="What it does; planners choose by it.")


class RoleAnswer(serializers.Serializer[NamedRole]):
    """A role that agents may have."""

    name = serializers.CharField()
    description = serializers.CharField(source="role.description")
    brief = serializers.CharField(source="role.brief", allow_blank=True)
    tools = serializers.ListField(child=serializers.CharField(), source="role.tools")
    tier = serializers.CharField(source="role.tier")
    max_turns = serializers.IntegerField(source="role.max_turns")
    max_output_tokens = serializers.IntegerField(source="role.max_output_tokens")
    budget_tokens = serializers.IntegerField(source="role.budget_tokens", allow_null=True)
    budget_usd = serializers.DecimalField(
        source="role.budget_usd", allow_null=True, max_digits=12, decimal_places=6, help_text="As text."
    )
    budget_ask_person_percent = serializers.IntegerField(source="role.budget_ask_person_percent", allow_null=True)
    is_own = serializers.BooleanField(help_text="The tenant made it; otherwise it is shipped.")
    is_active = serializers.BooleanField()


class RoleListAnswer(serializers.Serializer[Any]):
    """All roles, by name."""

    roles = RoleAnswer(many=True)
