"""The end of research: marks that point to sources and nowhere else, and a verdict on every claim."""

from collections.abc import Mapping
from typing import Any

import pytest

from orchestration.strategies import STRATEGIES, Finish, Spawn
from orchestration.strategies.research.citations import link_to, marks_told_apart
from orchestration.strategies.research.claims import Claim, claims_of, verdicts_of
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


def test_a_claim_that_the_verifier_passed_over_is_insufficient_and_said_to_be_unchecked() -> None:
    sources = {
        name: Source(name, "d1", f"https://e.org/{name}", name, text) for name, text in (("1", BEES), ("2", GARDENS))
    }
    claims = [
        Claim("There are 61 species of wild bees in Bern.", "1"),
        Claim("Gravel gardens feed almost no bees.", "2"),
    ]
    said = {
        "claim": "61 species of wild bees live in Bern [1]",
        "source": "1",
        "verdict": "supported",
        "sentence": BEES,
    }
    first, second = verdicts_of(claims, [said], sources)
    assert (first["verdict"], first["is_checked"], first["sentence"]) == ("supported", True, BEES)
    assert (second["claim"], second["verdict"], second["is_checked"]) == (claims[1].sentence, "insufficient", False)
    invented = {**said, "sentence": "There are 61 species, as everybody knows."}
    assert verdicts_of(claims[:1], [invented], sources)[0]["verdict"] == "insufficient"
    other_source = {**said, "source": "2", "sentence": GARDENS}
    assert [item["is_checked"] for item in verdicts_of(claims[:1], [other_source], sources)] == [True, False]


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
    failed = step("verify", StepKind.DECIDE, StepStatus.FAILED, error=error_of("the model did not answer"))
    report = "There are 61 species [1]. Gravel feeds none [1]."
    move = researched(failed, pages=[page(1, BEES)], report=report)
    assert isinstance(move, Finish)
    assert "None of the 2 claims was checked: the model did not answer" in move.result
    assert [(claim["verdict"], claim["is_checked"]) for claim in move.metadata["claims"]] == [
        ("insufficient", False)
    ] * 2
    assert move.metadata["unanswered"] == ["Side 2"]


def test_claims_that_nobody_checked_are_listed_as_such() -> None:
    verdict = {"claim": "There are 61 species", "source": "1", "verdict": "supported", "sentence": BEES}
    move = researched(
        form("verify", claims=[verdict]), pages=[page(1, BEES)], report="There are 61 species [1]. Gravel is bad [1]."
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
    assert BEES in verify.input["sections"]["Sources"]
    assert GARDENS not in verify.input["sections"]["Sources"]
