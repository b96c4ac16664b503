"""The forms of research: its plan, what a dimension's pages say, what is missing, the report, and its verification."""

from typing import Annotated, Literal

from pydantic import Field

from agents.forms.base import Answer, Form, Line, Name, Prose


class Dimension(Answer):
    """One side of the question. `queries`: what to search for, the best first."""

    id: Name
    title: Line
    question: Line
    queries: Annotated[list[Line], Field(min_length=1, max_length=6)]


class ResearchPlan(Answer):
    """`question`: the request, refined so that it can be answered."""

    question: Line
    dimensions: Annotated[list[Dimension], Field(min_length=1, max_length=10)]


class Finding(Answer):
    """`source`: id of the page. `quote`: a sentence of the page, word for word, that says it."""

    claim: Line
    source: Name
    quote: Annotated[str, Field(max_length=1000)]


class Findings(Answer):
    """What the pages say on one dimension; none when they say nothing."""

    findings: Annotated[list[Finding], Field(max_length=30)]


class Gap(Answer):
    """`dimension`: the id of what is not answered yet. `query`: what to search for."""

    dimension: Name
    query: Line


class Coverage(Answer):
    """`gaps`: the most important first; none when it is enough."""

    is_enough: bool
    gaps: Annotated[list[Gap], Field(max_length=10)]


class Report(Answer):
    """`report`: Markdown with citation marks like [2]."""

    report: Prose

    def as_text(self) -> str:
        """Return the report alone."""
        return self.report


class Checked(Answer):
    """`claim`: its number. `sentence`: of the source, word for word; empty when there is none that decides."""

    claim: Name
    verdict: Literal["supported", "unsupported", "insufficient"]
    sentence: Annotated[str, Field(max_length=1000)]


class Verification(Answer):
    """Claims of a report, each against the source that it cites."""

    claims: Annotated[list[Checked], Field(max_length=30)]


RESEARCH_PLAN = Form("research_plan", ResearchPlan, max_output_tokens=4096)
FINDINGS = Form("findings", Findings, max_output_tokens=6144)
COVERAGE = Form("coverage", Coverage)
REPORT = Form("report", Report, max_output_tokens=8192)
VERIFICATION = Form("verification", Verification, max_output_tokens=8192)
