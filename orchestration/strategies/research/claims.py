"""The claims of a report and what was found about each: none that cites a source goes unmentioned. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestration.strategies.research.sources import is_in
from orchestration.strategies.research.state import Source

_MARKS: Final = re.compile(r"\s*\[(\d{1,3})\]")
_MARKS_BEHIND: Final = re.compile(r"([.!?])\s*((?:\[\d{1,3}\])+)")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")
_LINE_BEGIN: Final = re.compile(r"^[\s>|*•–-]*(?:\d{1,3}[.)]\s+)?")
_WORD: Final = re.compile(r"\w+")
_SAME_FROM: Final = 0.6
"""Share of the words of the shorter of two sentences that the other one has, from which on they are one claim."""
_SAME_LEAST: Final = 3  # words
_CLAIM_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the report, and the number of a source that it cites."""

    sentence: str
    source: str


def claims_of(report: str, known: Iterable[str]) -> list[Claim]:
    """Return every sentence that cites a source, once for each source that it cites, in the report's order."""
    sources = set(known)
    claims: dict[Claim, None] = {}
    for line in report.splitlines():
        if line.lstrip().startswith("#"):
            continue
        for part in _SENTENCE_END.split(_MARKS_BEHIND.sub(r" \2\1", line)):
            sentence = _LINE_BEGIN.sub("", _MARKS.sub("", part)).strip(" *|")
            for number in _MARKS.findall(part):
                if number in sources and _WORD.search(sentence):
                    claims[Claim(sentence, number)] = None
    return list(claims)


def verdicts_of(
    claims: Sequence[Claim], found: Sequence[Mapping[str, str]], sources: Mapping[str, Source]
) -> list[dict[str, Any]]:
    """Return what is known of each claim: the verifier's verdicts, then the claims about which it said nothing.

    "supported" by a sentence that is not in the source is not enough; a claim that nobody checked is "insufficient".

    Args:
        claims: Of the report.
        found: What the verifier said.
        sources: Those that are cited, by number.
    """
    verdicts = [_verdict(item, sources[item["source"]]) for item in found if item["source"] in sources]
    told = [(item["source"], _words(item["claim"])) for item in found]
    unchecked = [
        claim
        for claim in claims
        if not any(source == claim.source and _is_same(words, _words(claim.sentence)) for source, words in told)
    ]
    return verdicts + [
        {
            "claim": claim.sentence[:_CLAIM_CHARACTERS],
            "source": claim.source,
            "verdict": "insufficient",
            "sentence": "",
            "is_checked": False,
        }
        for claim in unchecked
    ]


def _verdict(item: Mapping[str, str], source: Source) -> dict[str, Any]:
    proven = is_in(item["sentence"], source.text)
    return {
        "claim": item["claim"],
        "source": source.number,
        "verdict": item["verdict"] if proven or item["verdict"] != "supported" else "insufficient",
        "sentence": item["sentence"] if proven else "",
        "is_checked": True,
    }


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_MARKS.sub("", text).lower()))


def _is_same(one: frozenset[str], other: frozenset[str]) -> bool:
    shared = len(one & other)
    return shared >= max(_SAME_FROM * min(len(one), len(other)), min(_SAME_LEAST, len(other)))
