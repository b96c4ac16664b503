"""How the offline model fills forms: one file a kind of form. Which it is stands in the schema's name."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agents.llm.offline.forms.acting import react
from agents.llm.offline.forms.asked import Asked, asked_in
from agents.llm.offline.forms.judging import ballot, critique, scores, verdict
from agents.llm.offline.forms.leading import lead
from agents.llm.offline.forms.researching import coverage, findings, report, research_plan, verification
from agents.llm.offline.forms.routing import route
from agents.llm.offline.forms.shaping import shape
from agents.llm.offline.forms.thinking import argument, chain, thoughts

RULES: Final[Mapping[str, Callable[[Asked], Any]]] = {
    "argument": argument,
    "ballot": ballot,
    "chain": chain,
    "coverage": coverage,
    "critique": critique,
    "findings": findings,
    "lead": lead,
    "react": react,
    "report": report,
    "research_plan": research_plan,
    "route": route,
    "scores": scores,
    "shape": shape,
    "thoughts": thoughts,
    "verdict": verdict,
    "verification": verification,
}


def form_answer(name: str, messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Return a filled form as JSON text; None for a form that no rule knows."""
    rule = RULES.get(name)
    return None if rule is None else json.dumps(rule(asked_in(messages)), ensure_ascii=False)
