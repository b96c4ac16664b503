"""Compares groups that were measured alike: a table with a row each, and who is first where that is asked."""

import re
from collections.abc import Mapping
from typing import Any, Final

from agents.llm.offline.measures import SUMMARY, measures_in
from agents.llm.offline.reports import FRACTIONS, SUMMARY_ROWS, markdown_table, shown_number

Facts = Mapping[str, Any]
_PLAIN_ROWS: Final = ("count", "mean", "median", "min", "max")
_LABELS: Final[Mapping[str, str]] = {
    "first_date": "from",
    "last_date": "to",
    "growth": "growth",
    "volatility": "volatility a month",
    "annualised_return": "return a year",
    "annualised_volatility": "volatility a year",
    "worst_drawdown": "worst drawdown",
    "return_for_risk": "return / volatility",
}
_FOR_RISK: Final = re.compile(
    r"\brisk|sharpe|risk-adjusted|for (?:its|their|the) volatility|per unit of volatility", re.IGNORECASE
)
_SUPERLATIVES: Final = (
    (
        re.compile(
            r"\b(?:best|most|highest|strongest|largest|greatest|fastest|biggest)\b[^.?!]*\bgr[eo]w", re.IGNORECASE
        ),
        "growth",
        True,
    ),
    (re.compile(r"\bgrew (?:the )?(?:most|fastest)", re.IGNORECASE), "growth", True),
    (re.compile(r"\b(?:performed|did) best\b(?![^.?!]*\brisk)", re.IGNORECASE), "growth", True),
    (re.compile(r"\b(?:worst|lowest|slowest|least)\b[^.?!]*\bgr[eo]w", re.IGNORECASE), "growth", False),
    (re.compile(r"\b(?:most|highest)\b[^.?!]*\bvolatil", re.IGNORECASE), "volatility", True),
    (re.compile(r"\b(?:least|lowest)\b[^.?!]*\bvolatil", re.IGNORECASE), "volatility", False),
    (
        re.compile(r"\b(?:which|who)\b[^.?!]*\b(?:worst|deepest|largest)\b[^.?!]*\bdrawdown", re.IGNORECASE),
        "worst_drawdown",
        False,
    ),
)
_RANK_BY: Final = re.compile(
    r"\b(?:rank|order|sort)\w*\b.{0,80}?\bby\b[^.?!]{0,40}?\b(?P<measure>growth|volatility|drawdown)", re.IGNORECASE
)
_MEASURE_WORDS: Final = {"growth": "growth", "volatility": "volatility", "drawdown": "worst_drawdown"}
_RISK_FORMULA: Final = (
    "return a year = (last / first) ^ (periods a year / number of returns) - 1; "
    "volatility a year = sample standard deviation "
    "of the returns x square root of the periods a year; return for risk = the first divided by the second, without a "
    "risk-free rate"
)
_DEFINITIONS: Final = (
    "Growth is last / first - 1 over the whole period; volatility is the sample standard deviation of the returns; "
    "worst drawdown is the lowest value of price / highest price so far - 1."
)


def comparison(request: str, groups: Mapping[str, Facts]) -> list[str]:
    """Return the paragraphs that compare groups: who is first, the table, and what to know about it.

    Args:
        request: What was asked; it decides what is ranked.
        groups: What the statistics programs printed, `{group: {measure: value}}`.
    """
    measured = {name: facts for name, facts in groups.items() if "growth" in facts}
    described = {name: facts for name, facts in groups.items() if "rows" in facts}
    parts = []
    if measured:
        parts += [*_ranking(request, measured), _series_table(measured), *_notes(measured)]
    if described:
        parts += _descriptions(request, described)
    return parts


def is_comparable(facts: Facts) -> bool:
    """Return whether a group has what `comparison` shows."""
    return "growth" in facts or "rows" in facts


def _descriptions(request: str, described: Mapping[str, Facts]) -> list[str]:
    columns = list(
        dict.fromkeys(key for facts in described.values() for key, value in facts.items() if _is_column(value))
    )
    asked = [measure.name for measure in measures_in(request) if measure.program == SUMMARY]
    ranked: list[str] = [name for name in ("mean", "median", "sum", "count") if name in asked]
    extremes: list[str] = [name for name in ("max", "min") if name in asked]
    # In `the highest average` the highest is no measure of its own: it says which group is wanted.
    shown = [name for name in asked if name in SUMMARY_ROWS and not (ranked and name in extremes)] or list(_PLAIN_ROWS)
    parts = []
    for column in columns:
        rows = {name: facts[column] for name, facts in described.items() if _is_column(facts.get(column))}
        parts += [
            _first_sentence(column, rows, statistic, extreme)
            for extreme in extremes
            for statistic in (ranked[:1] or [extreme])
        ]
        header = [f"`{column}`", *shown]
        parts.append(
            markdown_table(
                header, [[name, *(shown_number(key, row.get(key)) for key in shown)] for name, row in rows.items()]
            )
        )
    return parts


def _is_column(value: Any) -> bool:
    return isinstance(value, Mapping) and "mean" in value


def _first_sentence(column: str, rows: Mapping[str, Facts], statistic: str, extreme: str) -> str:
    known = {name: float(row[statistic]) for name, row in rows.items() if row.get(statistic) is not None}
    name = (max if extreme == "max" else min)(known, key=lambda key: known[key])
    word = "highest" if extreme == "max" else "lowest"
    of = statistic if statistic != extreme else "value"
    return f"**{name}** has the {word} {of} of `{column}`: {shown_number(statistic, rows[name][statistic])}."


def _ranking(request: str, measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    if _FOR_RISK.search(request):
        lines += _risk_ranking(
            {name: facts for name, facts in measured.items() if facts.get("return_for_risk") is not None}
        )
    for pattern, measure, highest in _SUPERLATIVES:
        known = {name: facts[measure] for name, facts in measured.items() if facts.get(measure) is not None}
        if known and pattern.search(request):
            name = (max if highest else min)(known, key=lambda key: float(known[key]))
            word = "highest" if highest else "lowest"
            lines.append(
                f"**{name}** has the {word} {measure.replace('_', ' ')}: {shown_number(measure, known[name])}."
            )
    wanted = _RANK_BY.search(request)
    measure = _MEASURE_WORDS[wanted["measure"].lower()] if wanted else ""
    order = sorted(
        (name for name in measured if measured[name].get(measure) is not None), key=lambda n: measured[n][measure]
    )
    if len(order) > 1:
        ranks = ", ".join(
            f"{rank}. {name} ({shown_number(measure, measured[name][measure])})" for rank, name in enumerate(order, 1)
        )
        lines.append(f"Ranking by {measure.replace('_', ' ')}, lowest first: {ranks}.")
    return list(dict.fromkeys(lines))


def _risk_ranking(known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not known:
        return ["Who did best for the risk cannot be said: no result has both a return and a volatility."]
    order = sorted(known, key=lambda name: -float(known[name]["return_for_risk"]))
    best = known[order[0]]
    yearly_return = shown_number("annualised_return", best["annualised_return"])
    yearly_volatility = shown_number("annualised_volatility", best["annualised_volatility"])
    first = (
        f"**{order[0]}** did best for its risk: {yearly_return} a year at a volatility of {yearly_volatility} a year, "
    )
    lines = [f"{first}a ratio of {best['return_for_risk']:.2f}."]
    if len(order) > 1:
        ranks = ", ".join(
            f"{rank}. {name} ({known[name]['return_for_risk']:.2f})" for rank, name in enumerate(order, 1)
        )
        lines.append(f"Ranking: {ranks}. Formula: {_RISK_FORMULA}.")
    return lines


def _series_table(measured: Mapping[str, Mapping[str, Any]]) -> str:
    columns = [name for name in _LABELS if any(facts.get(name) not in {None, ""} for facts in measured.values())]
    rows = [[group, *(_cell(name, facts.get(name)) for name in columns)] for group, facts in measured.items()]
    kinds = {str(facts.get("volatility_of") or "") for facts in measured.values()} - {""}
    labels = dict(_LABELS)
    if len(kinds) == 1:
        labels["volatility"] = f"volatility of {kinds.pop()}"
    return markdown_table(["", *(labels[name] for name in columns)], rows)


def _cell(name: str, value: Any) -> str:
    if name == "return_for_risk" and value is not None:
        return f"{value:.2f}"
    return shown_number(name, value) if name in FRACTIONS or value is None else str(value)


def _notes(measured: Mapping[str, Mapping[str, Any]]) -> list[str]:
    notes = [_DEFINITIONS]
    starts = {name: str(facts.get("first_date") or "") for name, facts in measured.items()}
    earliest = min(starts.values())
    later = [f"{name} ({start})" for name, start in starts.items() if start > earliest]
    if later:
        begin = "begins" if len(later) == 1 else "begin"
        notes.append(f"Not all cover the same time: {', '.join(later)} {begin} later than the others ({earliest}).")
    return notes
