"""The measures of tables that the rules know: how people ask for them, and how each is defined."""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure, the program that computes it, and its definition for a person (with unit)."""

    name: str
    program: str
    asked_as: re.Pattern[str]
    definition: str


def _measure(name: str, program: str, pattern: str, definition: str) -> Measure:
    return Measure(name, program, re.compile(rf"\b(?:{pattern})", re.IGNORECASE), definition)


SERIES: Final = "csv_series"
SUMMARY: Final = "csv_summary"
CORRELATION: Final = "csv_correlation"

MEASURES: Final = (
    _measure(
        "growth",
        SERIES,
        r"growth|gr[eo]w(?:n|s|ing)?\b|returns?\b|gain(?:ed|s)?\b|appreciat|perform(?:ed|ance)|did best|risk",
        "growth (last value / first value - 1, as a fraction)",
    ),
    _measure(
        "volatility",
        SERIES,
        r"volatil|risk(?:y|iest|s)?\b|standard deviation of (?:the )?(?:monthly |daily |weekly )?returns|sharpe",
        "volatility (sample standard deviation of the returns from one date to the next, as a fraction)",
    ),
    _measure(
        "worst_drawdown",
        SERIES,
        r"drawdowns?|draw-downs?|worst (?:fall|drop|decline|loss)|peak[ -]to[ -]trough",
        "worst drawdown (value / running top of the values - 1 at its deepest, as a fraction)",
    ),
    _measure("mean", SUMMARY, r"mean\b|averages?\b|avg\b", "mean"),
    _measure("median", SUMMARY, r"medians?\b", "median"),
    _measure("min", SUMMARY, r"min(?:imum|ima)?\b|lowest|smallest|cheapest|coldest|least\b", "minimum"),
    _measure("max", SUMMARY, r"max(?:imum|ima)?\b|highest|largest|biggest|hottest|most expensive|peak\b", "maximum"),
    _measure("sum", SUMMARY, r"sums?\b|totals?\b", "sum"),
    _measure(
        "stdev",
        SUMMARY,
        r"standard deviations?(?! of (?:the )?(?:monthly )?returns)|std(?:ev)?\b|spread\b",
        "standard deviation",
    ),
    _measure(
        "count",
        SUMMARY,
        (
            r"how many (?:rows|records|entries|observations|lines|days|months|prices|values)|count\b"
            r"|number of (?:rows|records|entries|observations)"
        ),
        "number of rows",
    ),
    _measure("distinct", SUMMARY, r"distinct|unique|different", "distinct values"),
    _measure("correlation", CORRELATION, r"correlat\w*", "Pearson correlation"),
)


def measures_in(text: str) -> tuple[Measure, ...]:
    """Return the measures that a text asks for, in the table's order."""
    return tuple(measure for measure in MEASURES if measure.asked_as.search(text))


def is_measure_list(names: list[str]) -> bool:
    """Return whether an enumeration names measures rather than things."""
    return any(measures_in(name) for name in names)
