"""The claims of a report and what was found about each: none that cites a source goes unmentioned. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestration.strategies.research.sources import is_in
from orchestration.strategies.research.state import Source

_MARKS: Final = re.compile(r"\s*\[(\d{1,3})\]")
_MARKS_BEHIND: Final = re.compile(r"([.!?。！？])\s*((?:\[\d{1,3}\])+)")
_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?])(?<!\s\d\.)(?<!\s\d\d\.)\s+(?=[^\sa-z])"  # not after "5." of a date, nor amid "approx. three"
    r"|(?<=[。！？])\s*"
)
_LINE_BEGIN: Final = re.compile(r"^[\s>|*•–-]*(?:\d{1,3}[.)]\s+)?")
_WORD: Final = re.compile(r"\w+")
CLAIM_CHARACTERS: Final = 500
BATCH_CLAIMS: Final = 15
BATCH_CHARACTERS: Final = 24_000  # of sources, with the claims about 8,000 tokens of English
MOST_BATCHES: Final = 30
_SHOWN_CHARACTERS: Final = 6_000  # of one source, to those who check what cites it


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
                    claims[Claim(sentence[:CLAIM_CHARACTERS], number)] = None
    return list(claims)


def shown_characters(sources: int) -> int:
    """Return how much of each of so many sources is shown to who checks, so that the batches suffice for all."""
    return min(_SHOWN_CHARACTERS, MOST_BATCHES * BATCH_CHARACTERS // (4 * max(sources, 1)))


def batches_of(claims: Sequence[Claim]) -> list[list[int]]:
    """Return the places of the claims in batches that are checked by one call each, every claim in one of them.

    Claims on one source stand together, so that it is shown once. What is beyond the last batch is checked by nobody.
    """
    each = shown_characters(len({claim.source for claim in claims}))
    by_source: dict[str, list[int]] = {}
    for place, claim in enumerate(claims):
        by_source.setdefault(claim.source, []).append(place)
    batches: list[list[int]] = []
    sources_left = 0
    for places in by_source.values():
        left = places
        while left:
            if not sources_left or len(batches[-1]) == BATCH_CLAIMS:
                batches.append([])
                sources_left = BATCH_CHARACTERS // each
            room = BATCH_CLAIMS - len(batches[-1])
            batches[-1] += left[:room]
            left = left[room:]
            sources_left -= 1
    return batches[:MOST_BATCHES]


def verdicts_of(
    claims: Sequence[Claim], found: Iterable[Mapping[str, str]], sources: Mapping[str, Source]
) -> list[dict[str, Any]]:
    """Return what is known of each claim, in their order; one that nobody checked is "insufficient".

    "supported" by a sentence that is not in the source is not enough. Who says two things about a claim is believed
    the first.

    Args:
        claims: Of the report.
        found: What the verifiers said; `claim` is the claim's number, from 1.
        sources: Those that are cited, by number.
    """
    said: dict[str, Mapping[str, str]] = {}
    for item in found:
        said.setdefault(item["claim"].strip(" .[]"), item)
    return [
        _verdict(claim, said.get(str(number)), sources[claim.source]) for number, claim in enumerate(claims, start=1)
    ]


def _verdict(claim: Claim, item: Mapping[str, str] | None, source: Source) -> dict[str, Any]:
    verdict, sentence = (item["verdict"], item["sentence"]) if item else ("insufficient", "")
    proven = is_in(sentence, source.text)
    return {
        "claim": claim.sentence,
        "source": source.number,
        "verdict": verdict if proven or verdict != "supported" else "insufficient",
        "sentence": sentence if proven else "",
        "is_checked": item is not None,
    }
