"""The rounds of research: search, read, take notes, ask what is missing; replayed from the steps. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestration.strategies.base import Move, Spawn, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import all_ended, has_ended, is_done, value_of
from orchestration.strategies.research.depths import ResearchParameters
from orchestration.strategies.research.sources import is_in, source_key, source_score
from orchestration.strategies.research.state import PLAN_KEY, ResearchState, Source, listed_findings
from orchestration.types import EventKind, OnDependencyFailure, StepKind, StepSpec, TaskView

_PAGE_CHARACTERS: Final = 20_000


class Rounds:
    """Goes through the rounds; each method returns a move when something is missing."""

    def __init__(self, view: TaskView, given: ResearchParameters, make: StepMaker) -> None:
        self.view, self.given, self.depth, self.make = view, given, given.wanted, make
        self.plan = value_of(view, PLAN_KEY)
        self.question = str(self.plan["question"])
        self.dimensions = {item["id"]: item for item in self.plan["dimensions"][: self.depth.dimensions]}
        self.state = ResearchState()
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
        """Read the best pages of each dimension that were not read yet; the same page is read once.

        In this run: what somebody of the tenant was given of it a moment ago is no source.
        """
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
                    steps.append(self._tool(key, f"Read {title or url}", "http_fetch", arguments, is_fresh=True))
        if steps:
            return Spawn(steps=tuple(steps), message=f"Read {len(steps)} pages")
        if not all_ended(self.view, keys):
            return Wait()
        self._merge()
        return None

    def _merge(self) -> None:
        """Leave out pages to which two addresses led; where redirects led is not read again either."""
        first: dict[str, str] = {}
        for key, source in list(self.state.sources.items()):
            name = source_key(source.url)
            self.state.seen.add(name)
            if first.setdefault(name, key) != key:
                del self.state.sources[key]

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
        """Take a page that was read into the state; one that failed, or that led to a place of less trust, is none."""
        page = self._result(key)
        text, url = str(page.get("text") or ""), str(page.get("url", ""))
        is_error = int(page.get("status", 200)) >= 400  # of a run from before such steps failed
        if is_error or not text.strip() or source_score(url) < self.depth.min_score:
            return
        number = key.removeprefix("fetch-")
        self.state.sources[key] = Source(number, dimension, url, str(page.get("title") or url), text)

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
            sections = {
                "Dimensions": listed_findings(self.dimensions, self.state.findings),
                "Limits": f"{left} more rounds.",
            }
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

    def _tool(self, key: str, title: str, tool: str, arguments: Mapping[str, Any], **more: Any) -> StepSpec:
        offered = list(self.view.parameters["tools"])
        given = {"tool": tool, "arguments": dict(arguments), "offered": offered, "must_succeed": True, **more}
        return StepSpec(key, StepKind.TOOL, title[:300], given, (), OnDependencyFailure.RUN)

    def _result(self, key: str) -> Mapping[str, Any]:
        """Return what a tool gave; empty when it failed or is not there."""
        step = self.view.steps.get(key)
        result = (step.output or {}).get("result") if step is not None else None
        output = result.get("output") if isinstance(result, Mapping) and result.get("ok") else None
        return output if isinstance(output, Mapping) else {}
