"""The end of research: marks that point to sources and nowhere else, and a verdict on every claim."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestration.strategies import STRATEGIES, Finish, Spawn
from orchestration.strategies.research.citations import link_to, marks_told_apart
from orchestration.strategies.research.claims import (
    BATCH_CHARACTERS,
    BATCH_CLAIMS,
    MOST_BATCHES,
    Claim,
    batches_of,
    claims_of,
    shown_characters,
    verdicts_of,
)
from orchestration.strategies.research.state import Source
from orchestration.types import StepKind, StepStatus, StepView
from tests.unit.orchestration.strategies.views import PARAMETERS, error_of, step, view_of

RESEARCH = STRATEGIES["research"]
BEES = "In 2021 a survey counted 61 species of wild bees in Bern."
GARDENS = "Gravel gardens feed almost no bees at all."


@pytest.mark.parametrize(
    ("written", "apart"),
    [
        ("It is so [1, 3].", "It is so [1][3]."),
        ("It is so [1;2,3].", "It is so [1][2][3]."),
        ("It is so [1-3].", "It is so [1][2][3]."),
        ("It is so [ 2 – 3 , 1 ].", "It is so [2][3][1]."),
        ("It is so [1](https://evil.example/a) and [2](<https://evil.example>).", "It is so [1] and [2]."),
        ("It is so [1, 99].", "It is so [1][99]."),
        ("The interval [0, 1] is closed, [7, 8] too.", "The interval [0, 1] is closed, [7, 8] too."),
        ("The years [2019, 2021].", "The years [2019, 2021]."),
        ("From [1-999].", "From [1][999]."),
    ],
)
def test_several_marks_in_one_bracket_and_marks_that_are_links_become_marks(written: str, apart: str) -> None:
    assert marks_told_apart(written, {"1", "2", "3"}) == apart


def test_the_title_of_a_page_cannot_change_where_its_link_leads() -> None:
    link = link_to("News](https://evil.example) [more\n\n# Heading", "https://example.org/a_(b)?q=<c> d")
    assert link == r"[News\](https://evil.example) \[more # Heading](https://example.org/a_%28b%29?q=%3Cc%3E%20d)"


def test_every_sentence_that_cites_is_a_claim_of_each_source_that_it_cites() -> None:
    report = "# Bees [1]\n\n- There are 61 species [1][2]. Gravel feeds none. [2]\n\n| Bern | 61 [1] |\nNone. Nor [9]."
    assert claims_of(report, {"1", "2"}) == [
        Claim("There are 61 species.", "1"),
        Claim("There are 61 species.", "2"),
        Claim("Gravel feeds none.", "2"),
        Claim("Bern | 61", "1"),
    ]


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("城市花园养活野蜂。[1]伯尔尼有六十一种。[2]", ["城市花园养活野蜂。", "伯尔尼有六十一种。"]),
        ("Am 5. Mai 2021 zählte man 61 Arten [1].", ["Am 5. Mai 2021 zählte man 61 Arten."]),
        (
            "There are approx. sixty of them [1]. None is rare [2].",
            ["There are approx. sixty of them.", "None is rare."],
        ),
        ("It is 12 [1]. Was it 3.5 before? Yes [2]!", ["It is 12.", "Yes!"]),
    ],
)
def test_sentences_are_told_apart_in_other_languages_and_dates_and_abbreviations_end_none(
    line: str, sentences: list[str]
) -> None:
    assert [claim.sentence for claim in claims_of(line, {"1", "2"})] == sentences


def sources(**texts: str) -> dict[str, Source]:
    return {name: Source(name, "d1", f"https://e.org/{name}", name, text) for name, text in texts.items()}


def checked(claim: str, sentence: str = "", verdict: str = "supported") -> dict[str, str]:
    return {"claim": claim, "verdict": verdict, "sentence": sentence}


def test_a_claim_has_the_verdict_on_its_number_and_one_that_was_passed_over_is_said_to_be_unchecked() -> None:
    known = {"1": sources(a=BEES)["a"], "2": sources(b=GARDENS)["b"]}
    claims = [Claim("There are 61 species in Bern.", "1"), Claim("Gravel gardens feed almost no bees.", "2")]
    first, second = verdicts_of(claims, [checked("1", BEES)], known)
    assert (first["claim"], first["verdict"], first["is_checked"]) == (claims[0].sentence, "supported", True)
    assert first["sentence"] == BEES
    assert (second["claim"], second["verdict"], second["is_checked"]) == (claims[1].sentence, "insufficient", False)


@pytest.mark.parametrize(
    ("said", "verdict", "is_checked"),
    [
        (checked("1", "There are 61 species, as everybody knows."), "insufficient", True),
        (checked("1", GARDENS), "insufficient", True),  # of another source
        (checked("1", "There are none.", "unsupported"), "unsupported", True),
        (checked("[1]", BEES), "supported", True),
        (checked("2", BEES), "insufficient", False),
        (checked("", BEES), "insufficient", False),
    ],
)
def test_a_claim_counts_as_supported_only_by_a_sentence_that_is_in_its_source(
    said: dict[str, str], verdict: str, is_checked: bool
) -> None:
    known = {"1": sources(a=BEES)["a"]}
    (found,) = verdicts_of([Claim("There are 61 species.", "1")], [said], known)
    assert (found["verdict"], found["is_checked"]) == (verdict, is_checked)


def test_a_verifier_that_contradicts_itself_is_believed_the_first() -> None:
    twice = [checked("1", "", "unsupported"), checked("1", BEES)]
    (found,) = verdicts_of([Claim("There are 61 species.", "1")], twice, {"1": sources(a=BEES)["a"]})
    assert found["verdict"] == "unsupported"


def sixteen_and_single_ones(single: int) -> list[int]:
    """Return what fills batches worst: a source of a batch and one claim more, then sources of one claim each."""
    cited: list[int] = []
    number = 0
    while len(cited) < 300:
        number += 1
        cited += [number] * 16
        cited += range(number + 1, number + 1 + single)
        number += single
    return cited[:300]


@settings(max_examples=60, deadline=None)
@given(cited=st.lists(st.one_of(st.integers(1, 120), st.integers(1, 5)), max_size=300))
@example(cited=sixteen_and_single_ones(3))
@example(cited=sixteen_and_single_ones(2))
@example(cited=[number for number in range(1, 38) for _ in range(8)])
@example(cited=[*range(1, 48), *[48] * 253])
@example(cited=[*range(1, 121), *range(1, 121), *[1] * 60])
def test_every_claim_of_any_report_that_a_model_can_write_is_in_one_batch_that_is_not_too_large(
    cited: list[int],
) -> None:
    claims = [Claim(f"Claim {place}", str(number)) for place, number in enumerate(cited)]
    batches = batches_of(claims)
    assert sorted(place for batch in batches for place in batch) == list(range(len(claims)))
    each = shown_characters(len({claim.source for claim in claims}))
    for batch in batches:
        assert 0 < len(batch) <= BATCH_CLAIMS
        assert len({claims[place].source for place in batch}) * each <= BATCH_CHARACTERS
    assert len(batches) <= MOST_BATCHES


def done(key: str, kind: StepKind, output: Mapping[str, Any]) -> StepView:
    return step(key, kind, StepStatus.SUCCEEDED, output=output)


def form(key: str, text: str = "", **value: Any) -> StepView:
    return done(key, StepKind.DECIDE, {"value": value, "text": text})


def page(number: int, text: str, url: str = "") -> StepView:
    output = {"url": url or f"https://example.org/{number}", "status": 200, "title": f"Page {number}", "text": text}
    return done(f"fetch-{number}", StepKind.TOOL, {"result": {"ok": True, "output": output}})


def researched(*more: StepView, pages: list[StepView], report: str, depth: str = "standard") -> Any:
    """Return the move after one round whose two sides read two pages at most; the second side found nothing."""
    dimensions = [{"id": f"d{n}", "title": f"Side {n}", "question": "q", "queries": ["bees"]} for n in (1, 2)]
    found = [{"url": f"https://example.org/{n}", "title": "x"} for n in range(1, len(pages) + 1)]
    hits = {"result": {"ok": True, "output": {"results": found}}}
    finding = {"claim": "61 species", "source": "1", "quote": BEES}
    steps = [
        form("research-plan", question="How do bees fare?", dimensions=dimensions),
        done("search-1-1-1", StepKind.TOOL, hits),
        done("search-1-2-1", StepKind.TOOL, {"result": {"ok": True, "output": {"results": []}}}),
        *pages,
        form("findings-1-1", findings=[finding]),
        form("report", report, report=report),
        *more,
    ]
    given = {**PARAMETERS, "strategy": {"depth": depth, "rounds": 1, "pages": 2}}
    return RESEARCH.next(view_of(*steps, parameters=given))


def test_a_verifier_that_fails_leaves_no_report_that_looks_verified() -> None:
    failed = step("verify-1", StepKind.DECIDE, StepStatus.FAILED, error=error_of("the model did not answer"))
    report = "There are 61 species [1]. Gravel feeds none [1]."
    move = researched(failed, pages=[page(1, BEES)], report=report)
    assert isinstance(move, Finish)
    assert "None of the 2 claims was checked: the model did not answer" in move.result
    assert [(claim["verdict"], claim["is_checked"]) for claim in move.metadata["claims"]] == [
        ("insufficient", False)
    ] * 2
    assert move.metadata["unanswered"] == ["Side 2"]


def test_claims_that_nobody_checked_are_listed_as_such() -> None:
    move = researched(
        form("verify-1", claims=[checked("1", BEES)]),
        pages=[page(1, BEES)],
        report="There are 61 species [1]. Gravel is bad [1].",
    )
    assert isinstance(move, Finish)
    assert move.result.endswith("## Claims that could not be verified\n\n- not checked: Gravel is bad. [1]")


def test_a_report_that_cites_nothing_is_not_verified_and_says_so() -> None:
    move = researched(pages=[page(1, BEES)], report="There are many species [9].")
    assert isinstance(move, Finish)
    assert move.result.endswith("None of its sentences cites a page that was read.")
    assert (move.metadata["citations"], move.metadata["claims"]) == ([], [])


def test_two_addresses_that_lead_to_one_page_are_one_source_and_it_is_cited_once() -> None:
    pages = [page(1, BEES), page(2, BEES, url="http://www.example.org/1/?utm_source=x")]
    move = researched(pages=pages, report="There are 61 species [1][2].", depth="quick")
    assert isinstance(move, Finish)
    assert [citation["step_key"] for citation in move.metadata["citations"]] == ["fetch-1"]
    assert "There are 61 species [1].\n" in move.result


def test_a_page_that_led_to_a_place_of_less_trust_is_no_source() -> None:
    dear = [page(1, BEES), page(2, GARDENS, url="https://reddit.com/r/bees")]
    move = researched(pages=dear, report="There are 61 species [1]. Gravel is bad [2].", depth="academic")
    assert isinstance(move, Spawn)
    (verify,) = move.steps
    assert verify.input["passages"] == [{"id": "1", "title": "Page 1", "text": BEES}]
    assert verify.input["sections"] == {"Claims": "1. There are 61 species. [1]"}


def many_claims() -> str:
    return "\n".join(f"Number {number} is so [{1 + number % 2}]." for number in range(40))


def test_a_long_report_is_checked_in_batches_side_by_side_each_claim_once() -> None:
    pages = [page(1, BEES), page(2, GARDENS)]
    move = researched(pages=pages, report=many_claims())
    assert isinstance(move, Spawn)
    assert [spec.key for spec in move.steps] == ["verify-1", "verify-2", "verify-3"]
    shown = [line for spec in move.steps for line in spec.input["sections"]["Claims"].splitlines()]
    assert sorted(int(line.partition(".")[0]) for line in shown) == list(range(1, 41))
    assert [[one["id"] for one in spec.input["passages"]] for spec in move.steps] == [["1"], ["1", "2"], ["2"]]


def test_claims_of_a_batch_whose_check_failed_are_unchecked_and_those_of_the_others_are_not() -> None:
    pages = [page(1, BEES), page(2, GARDENS)]
    asked = researched(pages=pages, report=many_claims())
    steps = []
    for spec in asked.steps[1:]:
        texts = {one["id"]: one["text"] for one in spec.input["passages"]}
        lines = spec.input["sections"]["Claims"].splitlines()
        said = [checked(line.partition(".")[0], texts[line[-2]]) for line in lines]
        steps.append(form(spec.key, claims=said))
    failed = step("verify-1", StepKind.DECIDE, StepStatus.FAILED, error=error_of("the model did not answer"))
    move = researched(failed, *steps, pages=pages, report=many_claims())
    assert isinstance(move, Finish)
    unchecked = [claim for claim in move.metadata["claims"] if not claim["is_checked"]]
    assert (len(move.metadata["claims"]), len(unchecked)) == (40, 15)
    assert {claim["verdict"] for claim in move.metadata["claims"] if claim["is_checked"]} == {"supported"}
    assert "1 of 3 checks failed: the model did not answer\n\n- not checked: Number 0 is so. [1]" in move.result
