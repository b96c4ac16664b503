"""The end of research: the report, the check of each of its claims, and the answer with numbered citations. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestration.errors import SubtasksFailed
from orchestration.strategies.base import Fail, Finish, Move, Spawn, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import has_ended, is_done, text_of, value_of
from orchestration.strategies.research.citations import link_to, marks_in, marks_renumbered, marks_told_apart
from orchestration.strategies.research.claims import claims_of, verdicts_of
from orchestration.strategies.research.depths import ResearchParameters
from orchestration.strategies.research.sources import excerpt, source_score
from orchestration.strategies.research.state import PLAN_KEY, ResearchState, Source, listed_findings
from orchestration.types import EventKind, StepSpec, TaskView

REPORT_KEY = "report"
VERIFY_KEY = "verify"
_SOURCE_SHOWN_CHARACTERS: Final = 6_000


class Conclusion:
    """Makes the last steps of a research whose rounds are over."""

    def __init__(self, view: TaskView, given: ResearchParameters, make: StepMaker, state: ResearchState) -> None:
        self.view, self.given, self.depth, self.make, self.state = view, given, given.wanted, make, state
        self.plan = value_of(view, PLAN_KEY)
        self.question = str(self.plan["question"])
        self.dimensions = {item["id"]: item for item in self.plan["dimensions"][: self.depth.dimensions]}
        self._sources = {source.number: source for source in state.sources.values()}

    def next(self) -> Move:
        """Write the report, have it verified, and end."""
        if not any(self.state.findings.values()):
            return self._nothing_found()
        report = self.view.steps.get(REPORT_KEY)
        if report is None:
            spec = self.make.decide(
                REPORT_KEY,
                "report",
                "Write the report",
                "report",
                query=self.question,
                sections={"Findings": listed_findings(self.dimensions, self.state.findings)},
            )
            payload = {
                "sources": len(self.state.sources),
                "findings": sum(map(len, self.state.findings.values())),
                "thrown_away": self.state.thrown_away,
            }
            told = Told(EventKind.PROGRESS, f"{payload['findings']} findings in {payload['sources']} sources", payload)
            return Spawn(steps=(spec,), told=(told,))
        if not is_done(report):
            return Fail(error=report.error) if report.error is not None else Wait()
        if self.depth.verify and self._cited():
            verify = self.view.steps.get(VERIFY_KEY)
            if verify is None:
                return Spawn(steps=(self._verification(),))
            if not has_ended(verify):
                return Wait()
        return self._finished()

    def _nothing_found(self) -> Fail:
        errors = [self._error(key) for key in self.view.steps if key.startswith(("search-", "fetch-"))]
        first = next((error for error in errors if error), "no page said anything about the question")
        message = f"Nothing was found to answer from: {first}"
        return Fail(error=SubtasksFailed(message, details={"searches": len(errors)}).as_json())

    def _verification(self) -> StepSpec:
        cited = self._cited()
        shown = [
            f"### {source.number}: {source.title}\n\n{self._shown(source)}"
            for source in self.state.sources.values()
            if source.number in cited
        ]
        return self.make.decide(
            VERIFY_KEY,
            "verify",
            "Check every claim against its source",
            "verification",
            query=self.question,
            depends_on=[REPORT_KEY],
            sections={"Sources": "\n\n".join(shown)},
            agent_id="verifier",
        )

    def _shown(self, source: Source) -> str:
        """Return a source's text as far as it is shown: of a long one the beginning, and what surrounds its quotes."""
        quotes = [
            one["quote"] for found in self.state.findings.values() for one in found if one["source"] == source.number
        ]
        return excerpt(source.text, quotes, _SOURCE_SHOWN_CHARACTERS)

    def _report(self) -> str:
        """Return the report as it was written, but with each mark by itself."""
        return marks_told_apart(text_of(self.view, REPORT_KEY), self._sources)

    def _cited(self) -> list[str]:
        """Return the numbers that the report cites and that are sources, in the order in which they come."""
        return marks_in(self._report(), self._sources)

    def _finished(self) -> Finish:
        """Number the cited sources from 1, drop marks that point nowhere, and add sources and verdicts."""
        numbers = {old: str(new) for new, old in enumerate(self._cited(), start=1)}
        text = marks_renumbered(self._report(), numbers if self.given.citations else {})
        sources = [self._sources[old] for old in numbers]
        claims = [{**claim, "source": numbers[claim["source"]]} for claim in self._verdicts(numbers)]
        parts = [text.strip()]
        if self.given.citations and sources:
            listed = (f"{number}. {link_to(one.title, one.url)}" for number, one in enumerate(sources, start=1))
            parts.append("## Sources\n\n" + "\n".join(listed))
        if doubts := self._doubts([claim for claim in claims if claim["verdict"] != "supported"], len(sources)):
            parts.append(f"## Claims that could not be verified\n\n{doubts}")
        metadata = {
            "question": self.plan["question"],
            "citations": [
                {
                    "number": number,
                    "url": one.url,
                    "title": one.title,
                    "credibility_score": source_score(one.url),
                    "step_key": f"fetch-{one.number}",
                }
                for number, one in enumerate(sources, start=1)
            ],
            "claims": claims,
        }
        if unread := self._unanswered():
            metadata["unanswered"] = unread
        return Finish("\n\n".join(parts), metadata, built_on=(REPORT_KEY,))

    def _verdicts(self, numbers: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return what was found about every claim; nothing at a depth that verifies none."""
        if not self.depth.verify:
            return []
        cited = {number: self._sources[number] for number in numbers}
        return verdicts_of(claims_of(self._report(), cited), value_of(self.view, VERIFY_KEY).get("claims", []), cited)

    def _doubts(self, claims: Sequence[Mapping[str, Any]], sources: int) -> str:
        """Return the claims with their verdicts; where nobody checked any, that and why. Empty without a doubt."""
        step = self.view.steps.get(VERIFY_KEY)
        if step is not None and step.error is not None:
            return f"None of the {len(claims)} claims was checked: {step.error.get('message', '')}"
        if self.depth.verify and not sources:
            return "None of its sentences cites a page that was read."
        marks = (f" [{claim['source']}]" if self.given.citations else "" for claim in claims)
        verdicts = (claim["verdict"] if claim["is_checked"] else "not checked" for claim in claims)
        shown = zip(verdicts, claims, marks, strict=True)
        return "\n".join(f"- {verdict}: {claim['claim']}{mark}" for verdict, claim, mark in shown)

    def _unanswered(self) -> list[str]:
        """Return the sides of the question about which nothing was found."""
        return [item["title"] for name, item in self.dimensions.items() if not self.state.findings.get(name)]

    def _error(self, key: str) -> str:
        step = self.view.steps[key]
        result = (step.output or {}).get("result") or {}
        return str((step.error or result.get("error") or {}).get("message", ""))
