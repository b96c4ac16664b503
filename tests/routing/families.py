"""Families of requests whose answers can be checked: alike within a family, different in form between families."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

VARIANTS: Final = 6
COMPARED: Final = ("simple", "dag", "react", "chain_of_thought")


@dataclass(frozen=True, slots=True)
class Checked:
    """A request and what a right answer holds."""

    family: str
    variant: int
    query: str
    expected: tuple[str, ...]

    def is_right(self, answer: str) -> bool:
        """Return whether an answer holds everything that it should; thousands may be grouped."""
        plain = answer.replace(",", "")
        return all(part in plain for part in self.expected)


def _numbers(variant: int) -> tuple[int, int, int, int]:
    return 13 + 7 * variant, 4 + 3 * variant, 21 + 5 * variant, 6 + 2 * variant


WORDS: Final = ("a b c", "one two three four", "red green", "north south east", "up down left right in", "x y")


def _sum(variant: int) -> tuple[str, tuple[str, ...]]:
    a, b, c, _ = _numbers(variant)
    return f"What is {a} * ({b} + {c})?", (str(a * (b + c)),)


def _sequence(variant: int) -> tuple[str, tuple[str, ...]]:
    a, b, c, d = _numbers(variant)
    query = f"Count the words in '{WORDS[variant]}', and then work out {a} * {b}, and then work out {c} * {d}"
    return query, (str(len(WORDS[variant].split())), str(a * b), str(c * d))


def _list(variant: int) -> tuple[str, tuple[str, ...]]:
    a, b, c, d = _numbers(variant)
    return f"1. What is {a} * {b}?\n2. What is {c} + {d}?\n3. What is {a} - {d}?", (str(a * b), str(c + d), str(a - d))


def _comparison(variant: int) -> tuple[str, tuple[str, ...]]:
    a, b, c, d = _numbers(variant)
    return f"Compare {a} * {b} and {c} * {d}", (str(a * b), str(c * d))


def _reasoned(variant: int) -> tuple[str, tuple[str, ...]]:
    a, b, c, _ = _numbers(variant)
    return f"Think carefully and reason step by step: what is {a} * {b} + {c}?", (str(a * b + c),)


def _polished(variant: int) -> tuple[str, tuple[str, ...]]:
    a, b, _, _ = _numbers(variant)
    return f"What is {a} * {b}? Draft the answer, then critique it, and improve it until it is good.", (str(a * b),)


def _explored(variant: int) -> tuple[str, tuple[str, ...]]:
    a, b, c, _ = _numbers(variant)
    return f"Explore several approaches: what is {a} * {b} - {c}?", (str(a * b - c),)


def _investigated(variant: int) -> tuple[str, tuple[str, ...]]:
    a, _, c, _ = _numbers(variant)
    return f"Find out what {a} * {c} is", (str(a * c),)


FAMILIES: Final[dict[str, Callable[[int], tuple[str, tuple[str, ...]]]]] = {
    "sum": _sum,
    "sequence": _sequence,
    "list": _list,
    "comparison": _comparison,
    "reasoned": _reasoned,
    "polished": _polished,
    "explored": _explored,
    "investigated": _investigated,
}


def checked_requests() -> list[Checked]:
    """Return every request, variant by variant."""
    return [
        Checked(family, variant, *make(variant)) for variant in range(VARIANTS) for family, make in FAMILIES.items()
    ]
