"""The end of research: the report, the check of each of its claims, and the answer with numbered citations. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestration.errors import SubtasksFailed
from orchestration.strategies.base import Fail, Finish, Move, Spawn, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import all_ended, is_done, text_of, value_of
from orchestration.strategies.research.citations import link_to, marks_in, marks_renumbered, marks_told_apart
from orchestration.strategies.research.claims import Claim, batches_of, claims_of, shown_characters, verdicts_of
from orchestration.strategies.research.depths import ResearchParameters
from orchestration.strategies.research.sources import excerpt, source_score
from orchestration.strategies.research.state import PLAN_KEY, ResearchState, Source, listed_findings
from orchestration.types import EventKind, StepSpec, TaskView

REPORT_KEY: Final = "report"
VERIFY_PREFIX: Final = "verify-"


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
        claims = self._claims()
        keys = [f"{VERIFY_PREFIX}{number}" for number in range(1, len(batches_of(claims)) + 1)]
        if any(key not in self.view.steps for key in keys):
            return self._verification(claims)
        if not all_ended(self.view, keys):
            return Wait()
        return self._finished(claims, keys)

    def _nothing_found(self) -> Fail:
        errors = [self._error(key) for key in self.view.steps if key.startswith(("search-", "fetch-"))]
        first = next((error for error in errors if error), "no page said anything about the question")
        message = f"Nothing was found to answer from: {first}"
        return Fail(error=SubtasksFailed(message, details={"searches": len(errors)}).as_json())

    def _claims(self) -> list[Claim]:
        """Return what is verified: every sentence that cites; nothing at a depth that verifies none."""
        return claims_of(self._report(), self._cited()) if self.depth.verify else []

    def _verification(self, claims: Sequence[Claim]) -> Spawn:
        """Have all claims checked at the same time, as many by one call as fit into a model's window."""
        batches = batches_of(claims)
        steps = tuple(self._batch(number, claims, places) for number, places in enumerate(batches, start=1))
        payload = {"claims": len(claims), "checked": sum(map(len, batches))}
        told = Told(EventKind.PROGRESS, f"Check {len(claims)} claims against their sources", payload)
        return Spawn(steps=steps, told=(told,))

    def _batch(self, number: int, claims: Sequence[Claim], places: Sequence[int]) -> StepSpec:
        listed = "\n".join(f"{place + 1}. {claims[place].sentence} [{claims[place].source}]" for place in places)
        each = shown_characters(len({claim.source for claim in claims}))
        cited = dict.fromkeys(claims[place].source for place in places)
        return self.make.decide(
            f"{VERIFY_PREFIX}{number}",
            "verify",
            f"Check {len(places)} claims against their sources",
            "verification",
            query=self.question,
            sections={"Claims": listed},
            passages=[self._passage(self._sources[name], each) for name in cited],
            agent_id="verifier",
        )

    def _passage(self, source: Source, characters: int) -> dict[str, str]:
        """Return a source's text as far as it is shown: of a long one the beginning, and what surrounds its quotes."""
        quotes = [
            one["quote"] for found in self.state.findings.values() for one in found if one["source"] == source.number
        ]
        return {"id": source.number, "title": source.title, "text": excerpt(source.text, quotes, characters)}

    def _report(self) -> str:
        """Return the report as it was written, but with each mark by itself."""
        return marks_told_apart(text_of(self.view, REPORT_KEY), self._sources)

    def _cited(self) -> list[str]:
        """Return the numbers that the report cites and that are sources, in the order in which they come."""
        return marks_in(self._report(), self._sources)

    def _finished(self, claims: Sequence[Claim], verifiers: Sequence[str]) -> Finish:
        """Number the cited sources from 1, drop marks that point nowhere, and add sources and verdicts."""
        numbers = {old: str(new) for new, old in enumerate(self._cited(), start=1)}
        text = marks_renumbered(self._report(), numbers if self.given.citations else {})
        sources = [self._sources[old] for old in numbers]
        said = [item for key in verifiers for item in value_of(self.view, key).get("claims", [])]
        verdicts = [
            {**verdict, "source": numbers[verdict["source"]]} for verdict in verdicts_of(claims, said, self._sources)
        ]
        parts = [text.strip()]
        if self.given.citations and sources:
            listed = (f"{number}. {link_to(one.title, one.url)}" for number, one in enumerate(sources, start=1))
            parts.append("## Sources\n\n" + "\n".join(listed))
        if doubts := self._doubts(verdicts, verifiers):
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
            "claims": verdicts,
        }
        if unread := self._unanswered():
            metadata["unanswered"] = unread
        return Finish("\n\n".join(parts), metadata, built_on=(REPORT_KEY,))

    def _doubts(self, verdicts: Sequence[Mapping[str, Any]], verifiers: Sequence[str]) -> str:
        """Return the claims that are not supported, with why verifiers failed if some did. Empty without a doubt."""
        if not self.depth.verify:
            return ""
        if not verdicts:
            return "None of its sentences cites a page that was read."
        errors = [error for key in verifiers if (error := self.view.steps[key].error) is not None]
        why = str(errors[0].get("message", "")) if errors else ""
        if len(errors) == len(verifiers):
            return f"None of the {len(verdicts)} claims was checked: {why}"
        open_ones = [claim for claim in verdicts if claim["verdict"] != "supported"]
        marks = (f" [{claim['source']}]" if self.given.citations else "" for claim in open_ones)
        found = (claim["verdict"] if claim["is_checked"] else "not checked" for claim in open_ones)
        shown = zip(found, open_ones, marks, strict=True)
        listed = [f"- {verdict}: {claim['claim']}{mark}" for verdict, claim, mark in shown]
        failed = [f"{len(errors)} of {len(verifiers)} checks failed: {why}"] if errors else []
        return "\n\n".join([*failed, "\n".join(listed)]) if listed or failed else ""

    def _unanswered(self) -> list[str]:
        """Return the sides of the question about which nothing was found."""
        return [item["title"] for name, item in self.dimensions.items() if not self.state.findings.get(name)]

    def _error(self, key: str) -> str:
        step = self.view.steps[key]
        result = (step.output or {}).get("result") or {}
        return str((step.error or result.get("error") or {}).get("message", ""))
