"""Which strategy a request needs, by the words it uses."""

import re
from typing import Any, Final

from agents.llm.offline.forms.asked import BY_RULES, Asked

_RULES: Final = (
    ("debate", re.compile(r"\b(?:debate|pros and cons|for and against|controversial|argue)\b", re.IGNORECASE)),
    ("chain_of_thought", re.compile(r"\b(?:prove|puzzle|riddle|why|reason|logic)\b", re.IGNORECASE)),
    ("dag", re.compile(r"\b(?:compare|each|every|both|and then|list)\b", re.IGNORECASE)),
)


def route(asked: Asked) -> dict[str, Any]:
    """Choose the first strategy whose words stand in the request; else one agent."""
    offered = asked.sections.get("Strategies", "")
    for name, words in _RULES:
        found = words.search(asked.query)
        if found and f"- {name}:" in offered:
            return {"strategy": name, "confidence": 0.7, "reasons": [f"{BY_RULES}: it says “{found.group(0)}”."]}
    return {"strategy": "simple", "confidence": 0.6, "reasons": [f"{BY_RULES}: no word asks for more than one agent."]}
