"""What research knows at one moment, replayed from its steps. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PLAN_KEY: Final = "research-plan"


@dataclass(slots=True)
class Source:
    """A page that was read; its number is the one of its fetch step."""

    number: str
    dimension: str
    url: str
    title: str
    text: str


@dataclass(slots=True)
class ResearchState:
    """The research so far, replayed from its steps."""

    searches: list[str] = field(default_factory=list)
    fetches: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    sources: dict[str, Source] = field(default_factory=dict)
    findings: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # by dimension
    thrown_away: int = 0


def listed_findings(dimensions: Mapping[str, Mapping[str, Any]], findings: Mapping[str, list[dict[str, str]]]) -> str:
    """Return the dimensions with what was found for each, as models read them."""
    parts = []
    for name, item in dimensions.items():
        lines = [f'- {one["claim"]} [{one["source"]}] ("{one["quote"]}")' for one in findings.get(name, [])]
        listed = "\n".join(lines or ["- (nothing was found)"])
        parts.append(f"### {name}: {item['title']} ({item['question']})\n\n{listed}")
    return "\n\n".join(parts)
