"""The demo's numbers, computed here with nothing of the platform's: from the CSV, with the standard library."""

import csv
import statistics
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CSV = EXAMPLES / "stocks.csv"
REQUEST = (EXAMPLES / "stocks.txt").read_text().strip()


@dataclass(frozen=True, slots=True)
class Figures:
    """Fractions, not percentages: 0.5 is half."""

    growth: float
    volatility: float
    worst_drawdown: float


def expected() -> dict[str, Figures]:
    """Return each company's figures: growth is last / first - 1; volatility the sample standard deviation of monthly
    returns; the worst drawdown the lowest price / highest price before - 1."""
    prices: dict[str, list[float]] = {}
    with CSV.open(newline="") as file:
        for row in csv.DictReader(file):
            prices.setdefault(row["symbol"], []).append(float(row["price"]))
    return {symbol: _figures(series) for symbol, series in prices.items()}


def _figures(series: list[float]) -> Figures:
    returns = [later / earlier - 1 for earlier, later in pairwise(series)]
    high, worst = series[0], 0.0
    for price in series:
        high = max(high, price)
        worst = min(worst, price / high - 1)
    return Figures(series[-1] / series[0] - 1, statistics.stdev(returns), worst)
