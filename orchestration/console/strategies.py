"""Strategies for people to read: what the schema of their parameters says, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestration.options import STRATEGY_OF_MODE
from orchestration.strategies import OFFERED, Strategy


@dataclass(frozen=True, slots=True)
class ShownParameter:
    """A parameter in words; `default` is empty where there is none."""

    name: str
    values: str
    default: str
    about: str


@dataclass(frozen=True, slots=True)
class ShownStrategy:
    """A strategy in words."""

    strategy: Strategy
    modes: tuple[str, ...]
    parts: tuple[str, ...]
    parameters: tuple[ShownParameter, ...]


def strategies_shown() -> list[ShownStrategy]:
    """Return every strategy that a request may choose, the cheap ones first."""
    return [
        ShownStrategy(
            strategy,
            tuple(mode for mode, name in STRATEGY_OF_MODE.items() if name == strategy.name),
            tuple(f"{part}: {tier or 'as the role'}" for part, tier in strategy.parts.items()),
            parameters_shown(strategy),
        )
        for strategy in OFFERED.values()
    ]


def parameters_shown(strategy: Strategy) -> tuple[ShownParameter, ...]:
    """Return a strategy's parameters, but for `tiers`, which every strategy has."""
    fields: Mapping[str, Any] = strategy.parameters.model_json_schema()["properties"]
    return tuple(
        ShownParameter(name, values_shown(schema), _default_shown(schema), str(schema["description"]))
        for name, schema in fields.items()
        if name != "tiers"
    )


def values_shown(schema: Mapping[str, Any]) -> str:
    """Return which values a schema allows."""
    if "anyOf" in schema:
        return values_shown(next(part for part in schema["anyOf"] if part["type"] != "null"))
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if schema["type"] == "array":
        return f"at most {schema['maxItems']} texts"
    if schema["type"] == "boolean":
        return "true, false"
    parts = "" if schema["type"] == "integer" else ", also parts"
    return f"{schema['minimum']:g} to {schema['maximum']:g}{parts}"


def _default_shown(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    if default in (None, []):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)
