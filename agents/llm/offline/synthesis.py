"""Makes one answer of the results of subtasks: a table of what is alike, a ranking where one is asked for."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.llm.offline.reports import FRACTIONS, markdown_table, shown_number
from agents.llm.offline.results import ListedResult, request_in, results_in, without_json
from agents.llm.offline.wording import shortened

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


def synthesis_answer(user_text: str) -> str:
    """Return the answer for a synthesis prompt, in Markdown."""
    request, results = request_in(user_text), results_in(user_text)
    if not results:
        return "There are no results to answer the request from."
    groups = {name: facts for result in results for name, facts in result.groups.items() if result.succeeded}
    measured = {name: facts for name, facts in groups.items() if "growth" in facts}
    parts = _ranking(request, measured) if measured else []
    if measured:
        parts.append(_series_table(measured))
        parts += _notes(measured)
    parts += _texts(
        [result for result in results if result.succeeded and not _is_covered(result, measured)], len(results)
    )
    parts += _failures([result for result in results if not result.succeeded])
    return "\n\n".join(parts)


def _is_covered(result: ListedResult, measured: Mapping[str, Any]) -> bool:
    return bool(result.groups) and set(result.groups) <= set(measured)


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
        notes.append(f"Not all cover the same time: {', '.join(later)} begin later than the others ({earliest}).")
    return notes


def _texts(results: Sequence[ListedResult], total: int) -> list[str]:
    if len(results) == 1 and total == 1:
        return [without_json(results[0].text) or "The result is empty."]
    return [f"### {shortened(result.title, 80)}\n\n{without_json(result.text) or '(empty)'}" for result in results]


def _failures(results: Sequence[ListedResult]) -> list[str]:
    if not results:
        return []
    lines = "\n".join(f"- {shortened(result.title, 80)}: {shortened(result.text, 300)}" for result in results)
    return [f"**Not done**, so the answer does not cover it:\n\n{lines}"]
