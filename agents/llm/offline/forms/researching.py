"""Research by rules: facets of the question, sentences that speak of it, and how much of a claim a sentence says."""

import json
import re
from typing import Any, Final

from agents.llm.offline.forms.asked import BY_RULES, Asked
from agents.llm.offline.forms.quality import missing_words
from agents.llm.offline.wording import sentences, shortened

_FACETS: Final = ("overview", "evidence", "numbers", "criticism", "causes", "recent")
_WORD: Final = re.compile(r"[a-z][a-z'-]{3,30}")
_DIMENSION: Final = re.compile(r"^### (?P<id>\S+): (?P<title>.*?) \((?P<question>.*)\)$", re.MULTILINE)
_FOUND: Final = re.compile(r'^- (?P<claim>.*?) \[(?P<source>\d+)\] \("', re.MULTILINE)
_SOURCE: Final = re.compile(r"^### (?P<id>\d+): [^\n]*\n\n(?P<text>.*?)(?=^### \d+: |\Z)", re.MULTILINE | re.DOTALL)
_CLAIM: Final = re.compile(r"^(?P<number>\d+)\. (?P<claim>.*) \[(?P<source>\d+)\]$", re.MULTILINE)
_SAID: Final = re.compile(r"^- Round \d+: (.+)$", re.MULTILINE)
_HEADING: Final = re.compile(r"^#{1,6} .*$", re.MULTILINE)
_MOST_FINDINGS: Final = 3


def research_plan(asked: Asked) -> dict[str, Any]:
    """Look at the question from several sides, each with searches of its own."""
    most = asked.number(r"At most (\d+) dimensions", 3)
    queries = asked.number(r"at most (\d+) queries", 1)
    words = " ".join(dict.fromkeys(_WORD.findall(asked.query.lower())))[:150] or asked.query[:150]
    dimensions = [
        {
            "id": f"d{number}",
            "title": f"{facet} ({BY_RULES})",
            "question": f"What do sources say: {shortened(asked.query, 200)} ({facet})",
            "queries": [f"{words} {facet}", f"{words} {facet} study", words][:queries],
        }
        for number, facet in enumerate(_FACETS[:most], start=1)
    ]
    return {
        "question": shortened(asked.query, 480),
        "dimensions": [*_wanted_by_the_reviewer(asked), *dimensions][:most],
    }


def _wanted_by_the_reviewer(asked: Asked) -> list[dict[str, Any]]:
    """Return a side for each thing that a reviewer said, the latest first."""
    said = _SAID.findall(asked.sections.get("What the reviewer said", ""))
    return [
        {
            "id": f"r{number}",
            "title": f"as the reviewer asks ({BY_RULES})",
            "question": shortened(text, 480),
            "queries": [shortened(text, 200)],
        }
        for number, text in reversed(list(enumerate(said, start=1)))
    ]


def findings(asked: Asked) -> dict[str, Any]:
    """Take the sentences of each page that speak most of the question."""
    found = []
    for result in asked.results:
        if not result.succeeded:
            continue
        text = _HEADING.sub("", _page_text(result.text))
        scored = [(len(_shared(asked.query, line)), line) for line in sentences(text)]
        best = sorted((item for item in scored if item[0]), key=lambda item: -item[0])[:_MOST_FINDINGS]
        found += [{"claim": shortened(line, 480), "source": result.id, "quote": line[:1000]} for _, line in best]
    return {"findings": found[:30]}


def coverage(asked: Asked) -> dict[str, Any]:
    """Name the dimensions for which nothing was found."""
    parts = re.split(r"(?=^### )", asked.sections.get("Dimensions", ""), flags=re.MULTILINE)
    empty = [found["id"] for part in parts if "(nothing was found)" in part and (found := _DIMENSION.search(part))]
    query = " ".join(dict.fromkeys(_WORD.findall(asked.query.lower())))[:200] or asked.query[:200]
    return {"is_enough": not empty, "gaps": [{"dimension": name, "query": query} for name in empty[:10]]}


def report(asked: Asked) -> dict[str, Any]:
    """List what was found by dimension; a claim that was found twice is told once, with both sources."""
    parts = [f"{BY_RULES}: what the sources say on “{shortened(asked.query, 200)}”."]
    told: set[str] = set()
    for part in re.split(r"(?=^### )", asked.sections.get("Findings", ""), flags=re.MULTILINE):
        heading = _DIMENSION.search(part)
        if heading is None:
            continue
        lines = []
        for found in _FOUND.finditer(part):
            if found["claim"] not in told:
                told.add(found["claim"])
                lines.append(f"{found['claim'].rstrip('.')} [{found['source']}]")
        body = "\n\n".join(lines) or "Nothing more was found."
        parts.append(f"## {heading['title'].replace(f' ({BY_RULES})', '')}\n\n{body}")
    return {"report": "\n\n".join(parts)}


def verification(asked: Asked) -> dict[str, Any]:
    """Compare each claim with the sentence of its source that shares most words with it."""
    sources = {found["id"]: found["text"] for found in _SOURCE.finditer(asked.sections.get("Sources", "") + "\n")}
    claims = []
    for told in _CLAIM.finditer(asked.sections.get("Claims", "")):
        best = _closest(told["claim"], sources.get(told["source"], ""))
        words = len(set(_WORD.findall(told["claim"].lower()))) or 1
        share = len(_shared(told["claim"], best)) / words
        verdict = "supported" if share >= 0.7 else "insufficient" if share >= 0.3 else "unsupported"
        claims.append({"claim": told["number"], "verdict": verdict, "sentence": best[:1000]})
    return {"claims": claims[:30]}


def _closest(claim: str, text: str) -> str:
    return max(sentences(text), key=lambda line: len(_shared(claim, line)), default="")


def _shared(asked: str, line: str) -> set[str]:
    return set(_WORD.findall(asked.lower())) & set(_WORD.findall(line.lower())) - set(missing_words(asked, line))


def _page_text(text: str) -> str:
    """Return a page's text; a page comes as the JSON of the tool's result, perhaps cut."""
    try:
        output = json.loads(text).get("output") or {}
    except (ValueError, AttributeError):
        found = re.search(r'"text": "(?P<text>(?:[^"\\]|\\.)*)', text)
        return found["text"].encode().decode("unicode_escape", "ignore") if found else text
    return str(output.get("text") or "")
