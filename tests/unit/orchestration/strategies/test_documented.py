"""The page on strategies lists every strategy with a picture, and every parameter as the schema has it."""

import re
from typing import Any

import pytest
from django.conf import settings

from orchestration.strategies import OFFERED, STRATEGIES
from orchestration.strategies.research.depths import DEPTHS
from tests.integration.orchestration.strategies.asked import names_of

PAGE = (settings.BASE_DIR / "docs" / "strategies.md").read_text()


def section(name: str) -> str:
    """Return what the page says of a strategy."""
    found = re.search(rf"^### `{name}`$(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/strategies.md has no section on {name}"
    return found.group(1)


def parameter_rows(name: str) -> list[str]:
    """Return the rows of the table of a strategy's parameters; `tiers` is told once for all."""
    fields: dict[str, Any] = STRATEGIES[name].parameters.model_json_schema()["properties"]
    return [
        f"| `{field}` | {values_of(schema)} | {default_of(schema)} | {schema['description']} |"
        for field, schema in fields.items()
        if field != "tiers"
    ]


def values_of(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return values_of(next(part for part in schema["anyOf"] if part["type"] != "null"))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        return f"at most {schema['maxItems']} texts"
    if schema["type"] == "boolean":
        return "true, false"
    number = "whole" if schema["type"] == "integer" else "any"
    return f"{schema['minimum']:g} to {schema['maximum']:g}" + ("" if number == "whole" else ", also parts")


def default_of(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    return "–" if default in (None, []) else f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_every_parameter_is_listed_with_its_limits_and_default(name: str) -> None:
    rows = parameter_rows(name)
    missing = [row for row in rows if row not in section(name)]
    assert not missing, "\n".join(["| parameter | values | default | |", "|---|---|---|---|", *rows])


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_every_strategy_has_a_picture_its_parts_and_their_tiers(name: str) -> None:
    text = section(name)
    assert "```" in text
    for part, tier in STRATEGIES[name].parts.items():
        assert f"`{part}` {tier or 'as the role'}" in text, (
            f"{name}: parts are told as `{part}` {tier or 'as the role'}"
        )


def test_the_table_of_degradations_is_that_of_the_code() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \| ([\d,]+) \| `(\w+)` \|$", PAGE, re.MULTILINE))
    expected = {
        (name, f"{strategy.needs_tokens:,}", strategy.degrades_to)
        for name, strategy in OFFERED.items()
        if strategy.degrades_to and name != "research"
    }
    assert rows == expected


def test_the_table_of_depths_is_that_of_the_code() -> None:
    for name, depth in DEPTHS.items():
        verified = "yes" if depth.verify else "no"
        row = (
            f"| `{name}` | {depth.dimensions} | {depth.queries} | {depth.pages} | {depth.rounds} | {verified} | "
            f"{depth.min_score:.1f} | {depth.needs_tokens:,} |"
        )
        assert row in PAGE, row


def test_every_strategy_has_a_section_and_was_measured_and_research_at_every_depth() -> None:
    assert set(re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)) == set(OFFERED)
    table = PAGE.partition("<!-- measured: strategies -->\n")[2].partition("<!-- end: strategies -->")[0]
    rows = re.findall(r"^\| `(\w+)`(| \w+) \| \d+ \| \d+ \| [\d,]+ \| [\d.]+ \| [\d.]+ \|$", table, re.MULTILINE)
    assert [f"{name}{depth}" for name, depth in rows] == names_of(list(OFFERED))
    assert len(table.splitlines()) == len(rows) + 2
