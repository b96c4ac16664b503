"""A workflow is carried out node by node, each by a strategy of its own; no model plans anything."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from orchestration.errors import SubtasksFailed
from orchestration.strategies.affording import Degradation, Means, affordable
from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, Told, Wait
from orchestration.strategies.listing import items_of
from orchestration.strategies.nesting import inner_view, outer_spawn, sharing_budget
from orchestration.strategies.reading import is_done, text_of
from orchestration.strategies.workflow import COMBINE, PLACEHOLDER, Node, When, Workflow
from orchestration.types import EventKind, OnDependencyFailure, StepKind, StepSpec, TaskView

_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@dataclass(slots=True)
class _Result:
    """How a node stands: `open`, `done`, `failed`, `skipped` (by its condition) or `blocked` (a need failed)."""

    status: str
    text: str = ""
    keys: tuple[str, ...] = ()
    error: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


class TemplateStrategy(Strategy):
    """<node>/… for each node; <node>.<n>/… for each item; <node>@<attempt>/… when a node is tried again."""

    name: ClassVar[str] = "template"
    summary: ClassVar[str] = "A stored workflow is carried out as it stands, each node by a strategy of its own."
    use_when: ClassVar[str] = "The same kind of request comes again and again: how to do it is known and reviewed."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset(StepKind)

    def __init__(self, strategies: Mapping[str, Strategy]) -> None:
        """Make it able to carry out nodes by `strategies`."""
        self._strategies = strategies

    def next(self, view: TaskView) -> Move:
        """Begin every node that may begin, go on with those that are under way, end when all have ended."""
        given = view.parameters["template"]
        run = _Run(view, Workflow.model_validate(given["workflow"]), given["inputs"], self._strategies)
        return run.move()


class _Run:
    """One look at a workflow under way."""

    def __init__(
        self, view: TaskView, workflow: Workflow, inputs: Mapping[str, Any], strategies: Mapping[str, Strategy]
    ) -> None:
        self.view, self.workflow, self.inputs, self.strategies = view, workflow, inputs, strategies
        self.results: dict[str, _Result] = {}
        self.spawned: list[Spawn] = []

    def move(self) -> Move:
        """Return all that is to be made now as one move."""
        for node in self.workflow.in_order():
            self.results[node.id] = self._node(node)
        if self.spawned:
            steps = tuple(spec for spawn in self.spawned for spec in spawn.steps)
            told = tuple(item for spawn in self.spawned for item in spawn.told)
            return Spawn(
                steps=steps, message="; ".join(filter(None, (spawn.message for spawn in self.spawned))), told=told
            )
        if any(result.status == "open" for result in self.results.values()):
            return Wait()
        return self._end()

    def _end(self) -> Move:
        answer = self.results[self.workflow.answer_node]
        states = {name: result.status for name, result in self.results.items()}
        if answer.status == "done":
            from_step = answer.keys[0] if len(answer.keys) == 1 else ""
            return Finish(answer.text, {**answer.metadata, "nodes": states}, from_step)
        failed = next((result for result in self.results.values() if result.status == "failed"), None)
        message = f"The node {self.workflow.answer_node} has no result: it is {answer.status}."
        error = failed.error if failed else SubtasksFailed(message, details={"nodes": states}).as_json()
        return Fail(error=error)

    def _node(self, node: Node) -> _Result:
        needs = {name: self.results[name] for name in self.workflow.before(node)}
        if any(result.status == "open" for result in needs.values()):
            return _Result("open")
        by_id = {one.id: one for one in self.workflow.nodes}
        lost = [name for name, result in needs.items() if result.status in {"failed", "blocked"}]
        if any(not by_id[name].on_fail.go_on for name in lost):
            return _Result("blocked")
        if node.when is not None and not holds(node.when, self._value(node.when.value)):
            return _Result("skipped")
        after = [key for result in needs.values() if result.status == "done" for key in result.keys]
        if node.for_each:
            return self._each(node, after)
        return self._attempts(node, node.id, after, item=None)

    def _each(self, node: Node, after: Sequence[str]) -> _Result:
        """Do the node for each item; it is done when at least one of them is, and says which failed."""
        items = items_of(self._value(node.for_each))[: node.max_items]
        if not items:
            return _Result("skipped")
        parts = [
            self._attempts(node, f"{node.id}.{number}", after, item=item) for number, item in enumerate(items, start=1)
        ]
        if any(part.status == "open" for part in parts):
            return _Result("open")
        done = [part for part in parts if part.status == "done"]
        if not done:
            return parts[0]
        shown = [
            f"## {item}\n\n{part.text if part.status == 'done' else 'Not done: ' + str(part.error.get('message', ''))}"
            for item, part in zip(items, parts, strict=True)
        ]
        return _Result("done", "\n\n".join(shown), tuple(key for part in done for key in part.keys))

    def _attempts(self, node: Node, prefix: str, after: Sequence[str], *, item: str | None) -> _Result:
        """Go through the node's attempts: as it is, again, degraded, escalated; the first that succeeds counts."""
        plan = [(prefix, node.strategy, node.tier)]
        plan += [(f"{prefix}@retry{number}", node.strategy, node.tier) for number in range(1, node.on_fail.retry + 1)]
        if node.on_fail.degrade_to:
            plan.append((f"{prefix}@degraded", node.on_fail.degrade_to, node.tier))
        if node.on_fail.escalate_to:
            plan.append((f"{prefix}@escalated", node.strategy, node.on_fail.escalate_to))
        result = _Result("failed")
        for number, (where, strategy, tier) in enumerate(plan):
            told = () if number == 0 else (self._told_again(node, where, strategy, tier, result),)
            result = self._attempt(node, where, after, strategy=strategy, tier=tier, item=item, told=told)
            if result.status != "failed":
                return result
        return result

    def _told_again(self, node: Node, where: str, strategy: str, tier: str, result: _Result) -> Told:
        how = where.rpartition("@")[2]
        reason = str(result.error.get("message", ""))[:300]
        payload = {"node": node.id, "how": how, "strategy": strategy, "tier": tier or None, "error": dict(result.error)}
        return Told(EventKind.ERROR_RECOVERY, f"The node {node.id} failed and is {how}: {reason}", payload)

    def _attempt(
        self,
        node: Node,
        prefix: str,
        after: Sequence[str],
        *,
        strategy: str,
        tier: str,
        item: str | None,
        told: tuple[Told, ...],
    ) -> _Result:
        if strategy == COMBINE:
            return self._combine(node, prefix, after, tier, told)
        asked = dict(node.parameters) if strategy == node.strategy else {}
        name, parameters, passed = affordable(self.strategies, strategy, asked, _means(node))
        chosen = self.strategies[name]
        query = self._filled(node.instruction, item)
        told = (*told, *_told_cheaper(node, passed))
        if tier:
            parameters["tiers"] = dict.fromkeys(chosen.parts, tier)
        inner_parameters = {"strategy": parameters, "role": node.role}
        view = inner_view(self.view, prefix, query=query, parameters=inner_parameters, tools=node.tools)
        move = chosen.next(view)
        if isinstance(move, Spawn):
            title = node.title or node.id
            before = told if not view.steps else ()  # told once, with the attempt's first steps
            move = Spawn(move.steps, f"{title}: {move.message}" if move.message else title, (*before, *move.told))
            limits: dict[str, Any] = {"tools": node.tools, "role": node.role, "budget_tokens": node.budget_tokens}
            self.spawned.append(outer_spawn(move, prefix, query=query, after=after, **limits))
            return _Result("open")
        if isinstance(move, Finish):
            inner = (move.from_step,) if move.from_step else move.built_on
            return _Result("done", move.result, tuple(f"{prefix}/{key}" for key in inner), metadata=move.metadata)
        return _Result("failed", error=move.error) if isinstance(move, Fail) else _Result("open")

    def _combine(self, node: Node, prefix: str, after: Sequence[str], tier: str, told: tuple[Told, ...]) -> _Result:
        if not after:
            return _Result("failed", error=SubtasksFailed(f"{node.id} has no results to combine.").as_json())
        key = f"{prefix}/combine"
        step = self.view.steps.get(key)
        if step is None:
            given = {
                "instruction": self._filled(node.instruction, None),
                "tier": tier or None,
                "default_tier": "medium",
            }
            spec = StepSpec(
                key,
                StepKind.SYNTHESIZE,
                node.title or "Combine the results",
                {name: value for name, value in given.items() if value is not None},
                tuple(after),
                OnDependencyFailure.RUN,
            )
            steps = (sharing_budget(spec, prefix, node.budget_tokens),)
            self.spawned.append(Spawn(steps=steps, message=spec.title, told=told))
            return _Result("open")
        if is_done(step):
            return _Result("done", text_of(self.view, key), (key,))
        return _Result("failed", error=step.error) if step.error is not None else _Result("open")

    def _value(self, name: str) -> Any:
        kind, _, rest = name.partition(".")
        if kind == "inputs":
            return self.inputs.get(rest)
        return self.results[rest].text if rest in self.results else ""

    def _filled(self, text: str, item: str | None) -> str:
        """Fill in inputs, results (their first 2,000 characters) and the item."""

        def value(found: re.Match[str]) -> str:
            name = found.group(1)
            known = item if name == "item" else self._value(name) if "." in name else None
            if known is None:
                return found.group(0)
            return (known if isinstance(known, str) else json.dumps(known, ensure_ascii=False))[:2000]

        return PLACEHOLDER.sub(value, text).strip()


def _means(node: Node) -> Means | None:
    """Return what the node may use."""
    return None if node.budget_tokens is None else Means(node.budget_tokens, "node")


def _told_cheaper(node: Node, passed: Sequence[Degradation]) -> list[Told]:
    """Return the events of strategies that the node's budget does not begin."""
    return [Told(EventKind.BUDGET_THRESHOLD, one.message, {"node": node.id, **one.as_json()}) for one in passed]


def holds(when: When, value: Any) -> bool:
    """Return whether a condition holds; a comparison of numbers does not hold without a number."""
    text = value if isinstance(value, str) else json.dumps(value)
    if "equals" in when.model_fields_set:  # an input may be null, and be compared with that
        return bool(value == when.equals) or text.strip().lower() == str(when.equals).lower()
    if when.contains is not None:
        return when.contains.lower() in text.lower()
    if when.lacks is not None:
        return when.lacks.lower() not in text.lower()
    found = _NUMBER.search(text)
    if found is None:
        return False
    number = float(found.group(0).replace(",", ""))
    return number > when.above if when.above is not None else when.below is not None and number < when.below
