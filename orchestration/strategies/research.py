"""Research: plan by dimension, search and read in parallel, fill gaps, report with citations, verify each claim.

Searching and reading are tool steps, so what a citation points to was fetched in this run, and every page is there to
be looked at. A model's finding counts only if its quote is in the page word for word.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from orchestration.errors import SubtasksFailed
from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import all_ended, has_ended, is_done, text_of, value_of
from orchestration.strategies.research_depths import Depth, ResearchParameters
from orchestration.strategies.sources import is_in, source_key, source_score
from orchestration.types import EventKind, OnDependencyFailure, StepKind, StepSpec, TaskView

PLAN_KEY = "research-plan"
REPORT_KEY = "report"
VERIFY_KEY = "verify"
_CITED: Final = re.compile(r"\[(\d{1,3})\]")
_PAGE_CHARACTERS: Final = 20_000
_SOURCE_SHOWN_CHARACTERS: Final = 6_000


@dataclass(slots=True)
class _Source:
    """A page that was read; its number is the one of its fetch step."""

    number: str
    dimension: str
    url: str
    title: str
    text: str


@dataclass(slots=True)
class _State:
    """The research so far, replayed from its steps."""

    searches: list[str] = field(default_factory=list)
    fetches: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    sources: dict[str, _Source] = field(default_factory=dict)
    findings: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # by dimension
    thrown_away: int = 0


class ResearchStrategy(Strategy):
    """research-plan, search-…, fetch-…, findings-…, coverage-1, …, report, verify."""

    name: ClassVar[str] = "research"
    summary: ClassVar[str] = "Searches and reads side by side, fills gaps, reports with citations, verifies claims."
    use_when: ClassVar[str] = "A question whose answer must rest on sources that can be looked up."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.DECIDE, StepKind.TOOL})
    parameters: ClassVar[type[StrategyParameters]] = ResearchParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {
        "plan": "small",
        "read": "small",
        "coverage": "small",
        "report": "large",
        "verify": "small",
    }
    needs_tokens: ClassVar[int] = 40_000
    degrades_to: ClassVar[str] = "dag"

    def next(self, view: TaskView) -> Move:
        """Replay the rounds so far, then make the next steps."""
        given = ResearchParameters.of(view)
        make = StepMaker(type(self), given)
        plan = view.steps.get(PLAN_KEY)
        if plan is None:
            return Spawn(steps=(_plan(make, given.wanted),))
        if not is_done(plan):
            return Fail(error=plan.error) if plan.error is not None else Wait()
        research = _Research(view, given, make)
        for number in range(1, given.wanted.rounds + 1):
            move = research.round(number)
            if move is not None:
                return move
            if research.is_over:
                break
        return research.concluded()


def _plan(make: StepMaker, depth: Depth) -> StepSpec:
    instruction = f"At most {depth.dimensions} dimensions with at most {depth.queries} queries each."
    return make.decide(PLAN_KEY, "plan", "Plan the research", "research_plan", instruction, with_history=True)


class _Research:
    """Goes through the rounds; each method returns a move when something is missing."""

    def __init__(self, view: TaskView, given: ResearchParameters, make: StepMaker) -> None:
        self.view, self.given, self.depth, self.make = view, given, given.wanted, make
        self.plan = value_of(view, PLAN_KEY)
        self.question = str(self.plan["question"])
        self.dimensions = {item["id"]: item for item in self.plan["dimensions"][: self.depth.dimensions]}
        self.state = _State()
        self.is_over = False

    def round(self, number: int) -> Move | None:
        """Search, read, take notes, and ask what is missing; None when all of it has ended."""
        queries = self._queries(number)
        if not queries:
            self.is_over = True
            return None
        return (
            self._searched(number, queries)
            or self._fetched(number, queries)
            or self._noted(number, queries)
            or self._covered(number)
        )

    def _queries(self, number: int) -> dict[str, list[str]]:
        """Return what is searched in a round, by dimension: of the plan first, of the gaps after that."""
        if number == 1:
            return {name: item["queries"][: self.depth.queries] for name, item in self.dimensions.items()}
        value = value_of(self.view, f"coverage-{number - 1}")
        if not value or value["is_enough"]:
            return {}
        queries: dict[str, list[str]] = {}
        for gap in value["gaps"][: self.depth.dimensions]:
            if gap["dimension"] in self.dimensions:
                queries.setdefault(gap["dimension"], []).append(gap["query"])
        return queries

    def _searched(self, number: int, queries: Mapping[str, Sequence[str]]) -> Move | None:
        keys = {
            f"search-{number}-{place}-{which}": query
            for place, listed in enumerate(queries.values(), start=1)
            for which, query in enumerate(listed, start=1)
        }
        if any(key not in self.view.steps for key in keys):
            steps = tuple(
                self._tool(key, f"Search {query}", "web_search", {"query": query[:400], "max_results": 8})
                for key, query in keys.items()
            )
            told = Told(EventKind.PROGRESS, f"Round {number} searches {len(steps)} times", {"queries": dict(queries)})
            return Spawn(steps=steps, told=(told,))
        return None if all_ended(self.view, keys) else Wait()

    def _fetched(self, number: int, queries: Mapping[str, Sequence[str]]) -> Move | None:
        """Read the best pages of each dimension that were not read yet; the same page is read once."""
        steps: list[StepSpec] = []
        keys: list[str] = []
        for place, (name, listed) in enumerate(queries.items(), start=1):
            searches = [f"search-{number}-{place}-{which}" for which in range(1, len(listed) + 1)]
            for url, title in self._best(searches):
                key = f"fetch-{len(self.state.fetches) + 1}"
                self.state.fetches.append(key)
                keys.append(key)
                self.state.seen.add(source_key(url))
                self._take(key, name)
                arguments = {"url": url, "max_characters": _PAGE_CHARACTERS}
                if key not in self.view.steps:
                    steps.append(self._tool(key, f"Read {title or url}", "http_fetch", arguments))
        if steps:
            return Spawn(steps=tuple(steps), message=f"Read {len(steps)} pages")
        return None if all_ended(self.view, keys) else Wait()

    def _best(self, searches: Sequence[str]) -> list[tuple[str, str]]:
        """Return `(url, title)` of the pages to read: trusted ones first, in the engine's order among equals."""
        found: dict[str, tuple[float, str, str]] = {}
        for key in searches:
            for hit in self._result(key).get("results", []):
                url = str(hit.get("url", ""))
                name, score = source_key(url), source_score(url)
                if url and name not in self.state.seen and name not in found and score >= self.depth.min_score:
                    found[name] = (score, url, str(hit.get("title", "")))
        ordered = sorted(found.values(), key=lambda item: -item[0])
        return [(url, title) for _, url, title in ordered[: self.depth.pages]]

    def _take(self, key: str, dimension: str) -> None:
        """Take a page that was read into the state; one that failed is none."""
        page = self._result(key)
        text = str(page.get("text") or "")
        if not text.strip() or int(page.get("status", 200)) >= 400:
            return
        number = key.removeprefix("fetch-")
        url = str(page.get("url", ""))
        self.state.sources[key] = _Source(number, dimension, url, str(page.get("title") or url), text)

    def _noted(self, number: int, queries: Mapping[str, Sequence[str]]) -> Move | None:
        """Have the pages of each dimension read for what they say."""
        steps, keys = [], []
        for place, name in enumerate(queries, start=1):
            key = f"findings-{number}-{place}"
            pages = [fetch for fetch, source in self.state.sources.items() if source.dimension == name]
            pages = [fetch for fetch in pages if not self._was_noted(fetch, number)]
            if not pages:
                continue
            keys.append(key)
            if key not in self.view.steps:
                steps.append(self._notes(key, name, pages))
            elif is_done(self.view.steps[key]):
                self._keep(name, key)
        if steps:
            return Spawn(steps=tuple(steps), message=f"Take notes on {len(steps)} dimensions")
        return None if all_ended(self.view, keys) else Wait()

    def _was_noted(self, fetch: str, number: int) -> bool:
        """Whether an earlier round's notes are on this page."""
        earlier = (step for key, step in self.view.steps.items() if key.startswith("findings-"))
        return any(fetch in step.depends_on and int(step.key.split("-")[1]) < number for step in earlier)

    def _notes(self, key: str, name: str, pages: Sequence[str]) -> StepSpec:
        item = self.dimensions[name]
        return self.make.decide(
            key,
            "read",
            f"Take notes: {item['title']}"[:200],
            "findings",
            f"Dimension {name}: {item['question']}",
            query=self.question,
            depends_on=pages,
            names=[page.removeprefix("fetch-") for page in pages],
            agent_id=f"researcher-{name}",
        )

    def _keep(self, name: str, key: str) -> None:
        """Keep the findings whose quote is in the page that they name."""
        for finding in value_of(self.view, key)["findings"]:
            source = self.state.sources.get(f"fetch-{finding['source']}")
            if source is None or not is_in(finding["quote"], source.text):
                self.state.thrown_away += 1
                continue
            kept = {"claim": finding["claim"], "source": source.number, "quote": finding["quote"]}
            self.state.findings.setdefault(name, []).append(kept)

    def _covered(self, number: int) -> Move | None:
        """Ask what is missing, unless this was the last round."""
        if number >= self.depth.rounds:
            return None
        key = f"coverage-{number}"
        step = self.view.steps.get(key)
        if step is None:
            left = self.depth.rounds - number
            sections = {"Dimensions": self._listed(), "Limits": f"{left} more rounds."}
            spec = self.make.decide(
                key,
                "coverage",
                f"What is missing? ({number})",
                "coverage",
                query=self.question,
                sections=sections,
            )
            return Spawn(steps=(spec,))
        return None if has_ended(step) else Wait()

    def _listed(self) -> str:
        """Return the dimensions with what was found for each, as models read them."""
        parts = []
        for name, item in self.dimensions.items():
            found = self.state.findings.get(name, [])
            lines = [f'- {one["claim"]} [{one["source"]}] ("{one["quote"]}")' for one in found] or [
                "- (nothing was found)"
            ]
            parts.append(f"### {name}: {item['title']} ({item['question']})\n\n" + "\n".join(lines))
        return "\n\n".join(parts)

    def concluded(self) -> Move:
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
                sections={"Findings": self._listed()},
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
        if self.depth.verify:
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
            f"### {source.number}: {source.title}\n\n{source.text[:_SOURCE_SHOWN_CHARACTERS]}"
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

    def _cited(self) -> list[str]:
        """Return the numbers that the report cites and that are sources, in the order in which they come."""
        known = {source.number for source in self.state.sources.values()}
        return [number for number in dict.fromkeys(_CITED.findall(text_of(self.view, REPORT_KEY))) if number in known]

    def _finished(self) -> Finish:
        """Number the cited sources from 1, drop marks that point nowhere, and add sources and verdicts."""
        numbers = {old: str(new) for new, old in enumerate(self._cited(), start=1)}
        text = _CITED.sub(
            lambda found: f"[{numbers[found.group(1)]}]" if found.group(1) in numbers and self.given.citations else "",
            text_of(self.view, REPORT_KEY),
        )
        sources = [self.state.sources[f"fetch-{old}"] for old in numbers]
        claims = self._claims(numbers)
        parts = [text.strip()]
        if self.given.citations and sources:
            listed = (f"{number}. [{one.title}]({one.url})" for number, one in enumerate(sources, start=1))
            parts.append("## Sources\n\n" + "\n".join(listed))
        if doubtful := [claim for claim in claims if claim["verdict"] != "supported"]:
            lines = (f"- {claim['verdict']}: {claim['claim']} [{claim['source']}]" for claim in doubtful)
            parts.append("## Claims that could not be verified\n\n" + "\n".join(lines))
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
        return Finish("\n\n".join(parts), metadata)

    def _claims(self, numbers: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the verdicts; "supported" by a sentence that is not in the source is not enough."""
        claims = []
        for claim in value_of(self.view, VERIFY_KEY).get("claims", []):
            source = self.state.sources.get(f"fetch-{claim['source']}")
            if source is None or source.number not in numbers:
                continue
            proven = is_in(claim["sentence"], source.text)
            verdict = claim["verdict"] if proven or claim["verdict"] != "supported" else "insufficient"
            sentence = claim["sentence"] if proven else ""
            shown = {
                "claim": claim["claim"],
                "source": numbers[source.number],
                "verdict": verdict,
                "sentence": sentence,
            }
            claims.append(shown)
        return claims

    def _tool(self, key: str, title: str, tool: str, arguments: Mapping[str, Any]) -> StepSpec:
        offered = list(self.view.parameters["tools"])
        given = {"tool": tool, "arguments": dict(arguments), "offered": offered}
        return StepSpec(key, StepKind.TOOL, title[:300], given, (), OnDependencyFailure.RUN)

    def _result(self, key: str) -> Mapping[str, Any]:
        """Return what a tool gave; empty when it failed or is not there."""
        step = self.view.steps.get(key)
        result = (step.output or {}).get("result") if step is not None else None
        output = result.get("output") if isinstance(result, Mapping) and result.get("ok") else None
        return output if isinstance(output, Mapping) else {}

    def _error(self, key: str) -> str:
        step = self.view.steps[key]
        result = (step.output or {}).get("result") or {}
        return str((step.error or result.get("error") or {}).get("message", ""))
