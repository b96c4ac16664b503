"""How good an answer looks to rules: does it speak of what was asked, and does it say that something failed?"""

import re
from typing import Final

from agents.llm.offline.conversation import MARKER

_WORD: Final = re.compile(r"[a-z][a-z'-]{3,30}")
_COMMON: Final = frozenset({
    "what", "which", "when", "where", "that", "this", "these", "those", "with", "from", "have", "does", "will",
    "would", "should", "could", "about", "into", "than", "then", "them", "they", "their", "there", "your",
    "please", "give", "tell", "make", "write", "each", "every", "many", "much", "some", "between", "answer",
    "request", "first", "finally", "also", "only",
})  # fmt: skip
_FAILED: Final = re.compile(
    r"\bcannot answer\b|\bcould not\b|\bnot done\b|\bfailed\b|\bneither\b.*\boffered\b", re.IGNORECASE
)
_WANTS_NUMBER: Final = re.compile(
    r"\bhow (?:many|much)\b|\b\d+\s*[-+*/%^]\s*\d|\bsum\b|\baverage\b|\bcompute\b", re.IGNORECASE
)
MISSING_SHOWN: Final = 6


def missing_words(query: str, text: str) -> list[str]:
    """Return the words of a request that an answer does not speak of, in order, each once."""
    said = set(_WORD.findall(text.lower()))
    asked = dict.fromkeys(word for word in _WORD.findall(query.lower()) if word not in _COMMON)
    return [word for word in asked if word not in said]


def judged(query: str, text: str) -> tuple[float, list[str]]:
    """Return a score from 0 to 1 and what is to be mended, the most important first."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith(MARKER)).strip()
    if not body:
        return 0.0, ["The answer is empty."]
    score, issues = 0.95, []
    if _FAILED.search(body):
        score -= 0.5
        issues.append("It says that something could not be done; do it in another way.")
    if _WANTS_NUMBER.search(query) and not re.search(r"\d", body):
        score -= 0.3
        issues.append("A number was asked for and none is given.")
    missing = missing_words(query, body)
    asked = len({word for word in _WORD.findall(query.lower()) if word not in _COMMON})
    if missing and not re.search(r"\*\*-?\d", body):
        score -= 0.3 * len(missing) / asked
        issues.append(f"It does not speak of: {', '.join(missing[:MISSING_SHOWN])}.")
    return round(max(score, 0.05), 2), issues
