"""The requests by which strategies are compared: one set for all, where a strategy can do with it."""

from typing import Any, Final

from orchestration.strategies.research.depths import DEPTHS

SUM: Final = "What is 17 * (3 + 4)?"
THREE: Final = "Count the words in 'a b c', and then work out 12 * 12, and then work out 9 * 9"
OPEN: Final = "Should cities ban private cars?"
REQUESTS: Final = (SUM, THREE, OPEN)
OF_THE_WEB: Final = (
    "How do wild bees in the city fare?",
    "Do honey bees compete with wild bees in the city?",
    "Which gardens feed wild bees in the city?",
)
"""What the pages of `corpus.py` answer: research needs sources, and nothing there says what 17 * 7 is."""
EXPRESSIONS: Final = ("17 * (3 + 4)", "12 * 12", "9 * 9")


def requests_of(name: str) -> list[dict[str, Any]]:
    """Return the fields of three requests for a strategy; research at one of its depths is `research <depth>`."""
    strategy, _, depth = name.partition(" ")
    if strategy == "research":
        return [{"query": query, "research_strategy": depth or "standard"} for query in OF_THE_WEB]
    if strategy == "template":
        named = {"query": "Work this out", "template": "calculation"}
        return [{**named, "template_inputs": {"expressions": [expression]}} for expression in EXPRESSIONS]
    return [{"query": query, "mode": strategy} for query in REQUESTS]


def names_of(offered: list[str]) -> list[str]:
    """Return the strategies to be compared, research once for each of its depths."""
    return [
        name
        for strategy in offered
        for name in ([f"research {depth}" for depth in DEPTHS] if strategy == "research" else [strategy])
    ]
