"""Finds the calculations that a text asks for and writes them as the calculator reads them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from agents.llm.offline.wording import plain_number

# Bounded on purpose: a number of thousands of digits must not make the patterns below try every part of it.
_N: Final = r"(?<![\d.,])[-−]?(?:[$€]\s?)?\d{1,30}(?:,\d{3}){0,10}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?(?!\d)"
_WORD_OPERATORS: Final = (
    (r"\bplus\b|\badded to\b", "+"),
    (r"\bminus\b|\bless\b(?= \d)", "-"),
    (r"\b(?:times|multiplied by)\b|[×·]|(?<=\d) x (?=\d)", "*"),
    (r"\b(?:divided by|over)\b(?= [-\d(])|÷", "/"),
    (r"\b(?:mod|modulo)\b", "%"),
    (r"\b(?:raised )?to the (?:power of|power)\b|\bto the\b(?= \d+(?:st|nd|rd|th)\b)", "**"),
    (r"\^", "**"),
    (r"[−–](?= ?\d)", "-"),
)
_TOKEN: Final = re.compile(
    r"(?P<number>\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w]))|(?P<constant>\bpi\b)"
    r"|(?P<open>(?:\b(?:sqrt|cbrt|log10|log2|log|exp|abs|sin|cos|tan|factorial|round|floor|ceil))?\()"
    r"|(?P<close>\))|(?P<operator>\*\*|//|[-+*/%])",
    re.IGNORECASE,
)
_NOT_ARITHMETIC: Final = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$|^(?:19|20)\d\d-(?:19|20)?\d\d$|^24/7$")
_LIST: Final = rf"(?P<list>{_N}(?:\s*(?:,\s*and|,|and)\s+{_N})+|{_N}(?:\s*,\s*{_N})+)"


@dataclass(frozen=True, slots=True)
class Calculation:
    """A calculation as it was asked for and as the calculator reads it."""

    asked: str
    expression: str


def _numbers(text: str) -> list[str]:
    separated = re.sub(r",\s+and\s+|\s+and\s+|,\s+", ";", text)
    if ";" not in separated:
        separated = separated.replace(",", ";")
    return [plain_number(part.strip()) for part in separated.split(";") if part.strip()]


def _two(template: str) -> Callable[[re.Match[str]], str]:
    return lambda found: template.format(a=plain_number(found["a"]), b=plain_number(found["b"]))


def _one(template: str) -> Callable[[re.Match[str]], str]:
    return lambda found: template.format(a=plain_number(found["a"]))


def _over_list(template: str, separator: str = ", ") -> Callable[[re.Match[str]], str]:
    return lambda found: template.format(separator.join(_numbers(found["list"])))


_PERCENT: Final = r"\s*(?:%|per ?cent|percent)"
_PHRASES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), write)
    for pattern, write in (
        (rf"(?P<a>{_N}){_PERCENT}\s+of\s+(?P<b>{_N})", _two("{b} * {a} / 100")),
        (rf"(?P<a>{_N}){_PERCENT}\s+(?:off|discount on|less than)\s+(?P<b>{_N})", _two("{b} * (1 - {a} / 100)")),
        (rf"(?P<a>{_N}){_PERCENT}\s+more than\s+(?P<b>{_N})", _two("{b} * (1 + {a} / 100)")),
        (
            rf"(?P<b>{_N})\s+(?:increased|raised|grown|plus)(?: by)?\s+(?P<a>{_N}){_PERCENT}",
            _two("{b} * (1 + {a} / 100)"),
        ),
        (rf"(?:increase|raise|grow)\s+(?P<b>{_N})\s+by\s+(?P<a>{_N}){_PERCENT}", _two("{b} * (1 + {a} / 100)")),
        (rf"(?P<b>{_N})\s+(?:decreased|reduced|minus)(?: by)?\s+(?P<a>{_N}){_PERCENT}", _two("{b} * (1 - {a} / 100)")),
        (rf"(?:decrease|reduce|cut)\s+(?P<b>{_N})\s+by\s+(?P<a>{_N}){_PERCENT}", _two("{b} * (1 - {a} / 100)")),
        (rf"what per ?cent(?:age)?(?: of)?\s+(?P<b>{_N})\s+is\s+(?P<a>{_N})", _two("{a} / {b} * 100")),
        (rf"(?P<a>{_N})\s+(?:is|as)\s+(?:what|a) per ?cent(?:age)? of\s+(?P<b>{_N})", _two("{a} / {b} * 100")),
        (
            rf"per ?cent(?:age)? (?:change|growth|increase|decrease) from\s+(?P<a>{_N})\s+to\s+(?P<b>{_N})",
            _two("({b} / {a} - 1) * 100"),
        ),
        (rf"(?:square root of|sqrt of)\s+(?P<a>{_N})", _one("sqrt({a})")),
        (rf"cube root of\s+(?P<a>{_N})", _one("cbrt({a})")),
        (r"factorial of\s+(?P<a>\d{1,6})", _one("factorial({a})")),
        (r"(?<![\w.])(?P<a>\d{1,6})!", _one("factorial({a})")),
        (rf"(?P<a>{_N})\s+squared|square of\s+(?P<b>{_N})", lambda m: f"{plain_number(m['a'] or m['b'])} ** 2"),
        (rf"\bsquare\s+(?P<a>{_N})", _one("{a} ** 2")),
        (rf"(?P<a>{_N})\s+cubed|cube of\s+(?P<b>{_N})", lambda m: f"{plain_number(m['a'] or m['b'])} ** 3"),
        (rf"\b(?:double|twice)\s+(?P<a>{_N})", _one("{a} * 2")),
        (rf"\b(?:halve|half of)\s+(?P<a>{_N})", _one("{a} / 2")),
        (rf"\b(?:greatest common divisor|gcd|highest common factor) of\s+{_LIST}", _over_list("gcd({})")),
        (
            rf"\b(?:least|lowest|smallest) common multiple of\s+{_LIST}|\blcm of\s+(?P<list2>{_N} and {_N})",
            lambda m: f"lcm({', '.join(_numbers(m['list'] or m['list2']))})",
        ),
        (rf"\b(?:sum|total) of\s+{_LIST}", _over_list("{}", " + ")),
        (rf"\badd (?:up )?{_LIST}", _over_list("{}", " + ")),
        (rf"\bproduct of\s+{_LIST}", _over_list("{}", " * ")),
        (rf"\b(?:average|mean) of\s+{_LIST}", _over_list("mean([{}])")),
        (rf"\bmedian of\s+{_LIST}", _over_list("median([{}])")),
        (rf"\bstandard deviation of\s+{_LIST}", _over_list("stdev([{}])")),
        (rf"\b(?:maximum|max|largest|highest|biggest) of\s+{_LIST}", _over_list("max({})")),
        (rf"\b(?:minimum|min|smallest|lowest) of\s+{_LIST}", _over_list("min({})")),
        (rf"\bdifference (?:between|of)\s+(?P<a>{_N})\s+and\s+(?P<b>{_N})", _two("abs({a} - {b})")),
        (rf"\b(?:quotient|ratio) of\s+(?P<a>{_N})\s+(?:and|to)\s+(?P<b>{_N})", _two("{a} / {b}")),
        (rf"\badd\s+(?P<a>{_N})\s+(?:to|and|with)\s+(?P<b>{_N})", _two("{b} + {a}")),
        (rf"\bsubtract\s+(?P<a>{_N})\s+from\s+(?P<b>{_N})", _two("{b} - {a}")),
        (rf"\bmultiply\s+(?P<a>{_N})\s+(?:by|with|and)\s+(?P<b>{_N})", _two("{a} * {b}")),
        (rf"\bdivide\s+(?P<a>{_N})\s+by\s+(?P<b>{_N})", _two("{a} / {b}")),
    )
)


def calculations_in(text: str, limit: int = 5) -> tuple[Calculation, ...]:
    """Return the calculations that a text asks for, in its order, at most `limit`."""
    found: list[tuple[int, Calculation]] = []
    rest = text
    for pattern, write in _PHRASES:
        found += [
            (match.start(), Calculation(" ".join(match.group().split()), write(match).replace("−", "-")))
            for match in pattern.finditer(rest)
        ]
        rest = pattern.sub(lambda match: " " * len(match.group()), rest)
    found += _infix(rest)
    return tuple(calculation for _, calculation in sorted(found, key=lambda item: item[0])[:limit])


def _infix(text: str) -> list[tuple[int, Calculation]]:
    """Return the expressions written with operators (or with words for them)."""
    written = re.sub(r"[$€]\s?(?=\d)", " ", text)
    for pattern, operator in _WORD_OPERATORS:
        written = re.sub(pattern, operator, written, flags=re.IGNORECASE)
    written = re.sub(r"(?<=\*\* )(\d+)(?:st|nd|rd|th)\b(?: power)?", r"\1", written)
    found = []
    for run in _token_runs(written):
        tokens = _trimmed(run)
        kinds = {token.lastgroup for token in tokens}
        asked = written[tokens[0].start() : tokens[-1].end()] if tokens else ""
        values = sum(token.lastgroup in {"number", "constant"} for token in tokens)
        is_meant = values >= 2 or any(len(token.group()) > 1 for token in tokens if token.lastgroup == "open")
        if is_meant and "number" in kinds and not _NOT_ARITHMETIC.match(asked):
            expression = " ".join(re.sub(r"(?<=\d),(?=\d{3})", "", asked).split())
            found.append((tokens[0].start(), Calculation(asked, expression)))
    return found


def _token_runs(text: str) -> list[list[re.Match[str]]]:
    """Return the stretches of tokens between which there is nothing but space."""
    runs: list[list[re.Match[str]]] = []
    for token in _TOKEN.finditer(text):
        starts_inside_word = token.start() > 0 and (
            text[token.start() - 1].isalnum() or text[token.start() - 1] in "_."
        )
        if token.lastgroup == "number" and starts_inside_word and not (runs and runs[-1][-1].end() == token.start()):
            continue
        if runs and not text[runs[-1][-1].end() : token.start()].strip():
            runs[-1].append(token)
        else:
            runs.append([token])
    return runs


def _trimmed(tokens: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the tokens without operators and brackets at the ends that belong to no expression."""
    kept = list(tokens)
    while kept and (
        kept[-1].lastgroup in {"operator", "open"} or (_surplus(kept) > 0 and kept[-1].lastgroup == "close")
    ):
        kept.pop()
    while kept and (
        kept[0].group() in {"*", "/", "%", "**", "//", "+", ")"} or (_surplus(kept) < 0 and kept[0].group() == "(")
    ):
        kept.pop(0)
    is_sound = _surplus(kept) == 0 and not any(
        {left.lastgroup, right.lastgroup} <= {"number", "constant"} for left, right in pairwise(kept)
    )
    return kept if is_sound else []


def _surplus(tokens: list[re.Match[str]]) -> int:
    """Return how many brackets close without having been opened."""
    return sum((token.lastgroup == "close") - (token.lastgroup == "open") for token in tokens)
