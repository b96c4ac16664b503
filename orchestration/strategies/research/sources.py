"""Sources of research: when two addresses are one source, and how far a source is trusted before it is read. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

_DOI: Final = re.compile(r"10\.\d{4,9}/[^\s?#&\"'<>]+", re.IGNORECASE)
_DOI_FORM: Final = re.compile(r"(?:/(?:full|abstract|pdf|epdf|meta|html))?(?:\.pdf)?$")
"""What publishers put behind a DOI for one of the forms in which they show the work."""
_USUAL_PORT: Final = re.compile(r":(?:80|443)$")
_TRACKING: Final = re.compile(r"^(?:utm_\w+|fbclid|gclid|mc_[ce]id|ref|igshid)$", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s+")
_FOLDED: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})
DEFAULT_SCORE: Final = 0.60
# How far a source is trusted before it is read, by the end of its host; the longest end that fits counts. The numbers
# are the reference system's (its config/citation_credibility.yaml), as far as they name groups.
SCORES: Final[Mapping[str, float]] = {
    "edu": 0.85,
    "ac.uk": 0.85,
    "gov": 0.80,
    "int": 0.80,
    "europa.eu": 0.80,
    "nature.com": 0.85,
    "science.org": 0.85,
    "arxiv.org": 0.85,
    "doi.org": 0.85,
    "nih.gov": 0.85,
    "reuters.com": 0.75,
    "apnews.com": 0.75,
    "bbc.co.uk": 0.75,
    "bbc.com": 0.75,
    "wikipedia.org": 0.70,
    "britannica.com": 0.70,
    "stackoverflow.com": 0.65,
    "github.com": 0.65,
    "medium.com": 0.55,
    "reddit.com": 0.55,
    "quora.com": 0.55,
    "x.com": 0.50,
    "facebook.com": 0.50,
    "tiktok.com": 0.50,
}


def source_key(url: str) -> str:
    """Return what is the same for addresses of one source: its DOI, or its address without what does not matter."""
    found = _DOI.search(unquote(url))
    if found:
        return f"doi:{_DOI_FORM.sub('', found.group(0).lower().rstrip('.,;)/'))}"
    parts = urlsplit(url.strip())
    query = urlencode(sorted((name, value) for name, value in parse_qsl(parts.query) if not _TRACKING.match(name)))
    host = _USUAL_PORT.sub("", parts.netloc.lower()).removeprefix("www.")
    path = re.sub(r"/(?:index\.html?)?$", "", parts.path)
    return f"{host}{path}{'?' + query if query else ''}"


def source_score(url: str) -> float:
    """Return how far a source is trusted before it is read, from 0 to 1."""
    host = (urlsplit(url).hostname or "").lower()
    ends = [end for end in SCORES if host == end or host.endswith(f".{end}")]
    return SCORES[max(ends, key=len)] if ends else DEFAULT_SCORE


def excerpt(text: str, quotes: Sequence[str], characters: int) -> str:
    """Return a text, or of a longer one its beginning and what surrounds each quote, in at most so many characters.

    What is left out is marked by `[…]`. A quote whose place is not found word for word takes no room.
    """
    if len(text) <= characters:
        return text
    share = characters // (len(quotes) + 1)
    spans = [(0, share)]
    for quote in quotes:
        begin = text.find(quote)
        if begin >= 0:
            room = max(share - len(quote), 0) // 2
            spans.append((max(begin - room, 0), begin + max(len(quote), share) - room))
    parts: list[str] = []
    shown = 0
    for begin, end in sorted(spans):
        if end <= shown:
            continue
        if begin > shown:
            parts.append("[…]")
        parts.append(text[max(begin, shown) : end])
        shown = end
    return " ".join(parts) + (" […]" if shown < len(text) else "")


def is_in(sentence: str, text: str) -> bool:
    """Return whether a text holds a sentence word for word, apart from spaces, quotation marks and dashes."""
    wanted = _plain(sentence)
    return len(wanted) >= 8 and wanted in _plain(text)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.translate(_FOLDED)).strip().lower()
