"""Tables of numbers for people, and the same numbers as JSON for whoever reads on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from agents.llm.offline.measures import CORRELATION, SERIES

FRACTIONS: Final = frozenset({"growth", "volatility", "worst_drawdown", "annualised_return", "annualised_volatility"})
_SERIES_ROWS: Final = (
    ("growth", "growth over the whole period"),
    ("volatility", "volatility"),
    ("annualised_volatility", "volatility a year"),
    ("annualised_return", "return a year"),
    ("worst_drawdown", "worst drawdown"),
    ("return_for_risk", "return / volatility, both a year"),
)
_ASKED_WITH: Final = {
    "growth": ("growth", "annualised_return"),
    "volatility": ("volatility", "annualised_volatility"),
    "worst_drawdown": ("worst_drawdown",),
}
SUMMARY_ROWS: Final = ("count", "mean", "median", "min", "max", "sum", "stdev")


def shown_number(name: str, value: Any) -> str:
    """Return a value for a table cell: fractions in percent, others with up to six significant digits."""
    if value is None or isinstance(value, str | list | dict):
        return "–" if value is None else str(value)
    if name in FRACTIONS:
        return f"{value * 100:.2f} %"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a bar within a cell is escaped."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def json_block(value: Any) -> str:
    """Return a fenced block of JSON that `json_blocks` of the synthesis reads back."""
    return f"```json\n{json.dumps(value, ensure_ascii=False)}\n```"


def group_report(result: Mapping[str, Any], template: str, measures: Sequence[str]) -> str:
    """Return the answer for what a statistics program printed: `{"file", "groups": {name: {measure: value}}}`."""
    groups: Mapping[str, Mapping[str, Any]] = result.get("groups") or {}
    if template == SERIES:
        shown = _series_report(groups, measures)
    elif template == CORRELATION:
        shown = _correlation_report(groups)
    else:
        shown = _summary_report(groups, measures)
    return f"{shown}\n\n{json_block(result)}"


def _series_report(groups: Mapping[str, Mapping[str, Any]], measures: Sequence[str]) -> str:
    wanted = {name for measure in measures for name in _ASKED_WITH.get(measure, ())}
    if {"growth", "volatility"} <= set(measures):
        wanted.add("return_for_risk")
    rows = [(name, label) for name, label in _SERIES_ROWS if name in wanted]
    parts = []
    for group, found in groups.items():
        if "error" in found:
            parts.append(f"**{group}**: {found['error']} ({found.get('observations', 0)} values).")
            continue
        table = markdown_table(
            ["measure", "value"],
            [(_series_label(name, label, found), shown_number(name, found.get(name))) for name, label in rows],
        )
        parts.append(
            f"**{group}**: {found['observations']} values of `{found['column']}` from "
            f"{found['first_date'] or 'the first'} "
            f"to {found['last_date'] or 'the last'} ({found['first']:,.6g} to {found['last']:,.6g}).\n\n{table}"
        )
    return "\n\n".join(parts)


def _series_label(name: str, label: str, found: Mapping[str, Any]) -> str:
    if name == "volatility":
        return f"volatility (standard deviation of {found.get('volatility_of', 'returns')})"
    if name == "worst_drawdown" and found.get("drawdown_from"):
        return f"worst drawdown ({found['drawdown_from']} to {found['drawdown_to']})"
    return label


def _correlation_report(groups: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (
            name,
            found.get("error") or shown_number("correlation", found.get("correlation")),
            str(found.get("pairs", "–")),
        )
        for name, found in groups.items()
    ]
    return markdown_table(["Pearson correlation", "value", "pairs"], rows)


def _summary_report(groups: Mapping[str, Mapping[str, Any]], measures: Sequence[str]) -> str:
    asked = [name for name in SUMMARY_ROWS if name in measures]
    parts = [line for line in (_counts_line(groups, measures),) if line]
    columns = list(dict.fromkeys(name for found in groups.values() for name in found if name != "rows"))
    for column in columns:
        described = {group: found[column] for group, found in groups.items() if column in found}
        if any("distinct" in values for values in described.values()):
            if not measures or "distinct" in measures:
                parts += [_distinct_line(column, group, values) for group, values in described.items()]
        elif asked or not measures:
            parts.append(_column_table(column, described, asked or list(SUMMARY_ROWS)))
            parts += _extreme_lines(column, described, measures)
    return "\n\n".join(parts)


def _counts_line(groups: Mapping[str, Mapping[str, Any]], measures: Sequence[str]) -> str:
    if measures and "count" not in measures:
        return ""
    return "\n".join(f"- {group}: **{found['rows']}** rows" for group, found in groups.items())


def _distinct_line(column: str, group: str, values: Mapping[str, Any]) -> str:
    return f"`{column}` of {group} has **{values['distinct']}** distinct values: {', '.join(values['values'])}"


def _column_table(column: str, described: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> str:
    rows = [[group, *(shown_number(name, values.get(name)) for name in names)] for group, values in described.items()]
    return markdown_table([f"`{column}`", *names], rows)


def _extreme_lines(column: str, described: Mapping[str, Mapping[str, Any]], measures: Sequence[str]) -> list[str]:
    lines = []
    for name, words in (("min", "lowest"), ("max", "highest")):
        if name not in measures:
            continue
        for group, values in described.items():
            row = values.get(f"{name}_row")
            if row:
                where = ", ".join(f"{key} {value}" for key, value in row.items() if key != column)
                lines.append(f"The {words} `{column}` of {group} is **{shown_number(name, values[name])}** ({where}).")
    return lines
