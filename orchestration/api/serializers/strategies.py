"""Answers of the strategies' endpoint."""

from typing import Any

from rest_framework import serializers

from orchestration.options import STRATEGY_OF_MODE
from orchestration.strategies import Strategy


class StrategyAnswer(serializers.Serializer[Strategy]):
    """A way of working on a request."""

    name = serializers.CharField()
    summary = serializers.CharField(help_text="What it does, in one sentence.")
    use_when = serializers.CharField(help_text="When to choose it, in one sentence.")
    modes = serializers.SerializerMethodField(help_text="Values of `mode` that choose it.")
    parts = serializers.DictField(
        child=serializers.CharField(allow_null=True),
        help_text="Its parts that ask models, each with its default tier; null: that of the agent's role.",
    )
    parameters = serializers.SerializerMethodField(help_text="JSON schema of `strategy_parameters`.")
    needs_tokens = serializers.IntegerField(help_text="With less than this left in the budget it is not begun …")
    degrades_to = serializers.CharField(help_text="… and this is taken instead; empty: it is begun whatever is left.")

    def get_modes(self, strategy: Strategy) -> list[str]:
        """The names under which requests ask for it."""
        return [mode for mode, name in STRATEGY_OF_MODE.items() if name == strategy.name]

    def get_parameters(self, strategy: Strategy) -> dict[str, Any]:
        """Types, limits, defaults and descriptions."""
        return strategy.parameters.model_json_schema()


class StrategyListAnswer(serializers.Serializer[Any]):
    """All strategies, the cheap ones first."""

    strategies = StrategyAnswer(many=True)
