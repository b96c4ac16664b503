"""A search among lines of thought: widen, score, prune, go on with the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from orchestration.strategies.base import Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker, numbered
from orchestration.strategies.reading import all_ended, fail_of, has_ended, move_of, value_of
from orchestration.types import EventKind, StepKind, StepSpec, TaskView

ANSWER_KEY = "answer"


class TreeParameters(StrategyParameters):
    """Of a tree of thoughts."""

    breadth: int = Field(3, ge=2, le=5, description="Ways to go on that are asked for at each thought.")
    depth: int = Field(2, ge=1, le=5, description="Levels of thoughts.")
    beam: int = Field(2, ge=1, le=4, description="Best thoughts of a level that are followed.")
    prune_below: float = Field(0.3, ge=0.0, le=1.0, description="Thoughts with a lower score are not followed.")
    good_enough: float = Field(0.9, ge=0.0, le=1.0, description="A complete thought with this score ends the search.")
    max_thoughts: int = Field(30, ge=2, le=100, description="Thoughts in the whole tree.")


@dataclass(frozen=True, slots=True)
class Node:
    """A line of thought: its path (`2.1` is the first way on from the second), its last thought and all of them."""

    path: str
    lines: tuple[str, ...]
    is_final: bool
    score: float = 0.0


class TreeOfThoughtsStrategy(Strategy):
    """expand-<level>-<node> for each node followed, score-<level> for all of them, … answer."""

    name: ClassVar[str] = "tree_of_thoughts"
    summary: ClassVar[str] = "Lines of thought are widened, scored and pruned; an agent answers along the best one."
    use_when: ClassVar[str] = "A problem with several ways to go on, most of them wrong: planning, design, puzzles."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.DECIDE, StepKind.AGENT})
    parameters: ClassVar[type[StrategyParameters]] = TreeParameters
    remembers: ClassVar[bool] = True
    parts: ClassVar[Mapping[str, Tier | None]] = {"think": "medium", "score": "small", "answer": "medium"}
    needs_tokens: ClassVar[int] = 20_000
    degrades_to: ClassVar[str] = "chain_of_thought"

    def next(self, view: TaskView) -> Move:
        """Go on with the level, or answer."""
        given = TreeParameters.of(view)
        make = StepMaker(type(self), given)
        answer = move_of(view, ANSWER_KEY)
        if answer is not None:
            return answer
        search = _Search(view, given, make)
        for level in range(1, given.depth + 1):
            move = search.level(level)
            if move is not None:
                return move
            if search.is_over:
                break
        return _answer(make, view.query, search)


class _Search:
    """Replays the tree level by level from the steps that there are."""

    def __init__(self, view: TaskView, given: TreeParameters, make: StepMaker) -> None:
        self.view, self.given, self.make = view, given, make
        self.beam: list[Node] = [Node("", (), is_final=False)]
        self.made = 0
        self.levels = 0
        self.is_over = False

    def level(self, level: int) -> Move | None:
        """Return what this level still needs; None when it is done and the beam is the next one."""
        keys = [_expand_key(level, number) for number in range(1, len(self.beam) + 1)]
        if keys[0] not in self.view.steps:
            steps = (_expand(self.make, self.given, level, number) for number in enumerate(self.beam, start=1))
            return Spawn(steps=tuple(steps))
        if not all_ended(self.view, keys):
            return Wait()
        nodes = _children(self.view, keys, self.beam)[: self.given.max_thoughts - self.made]
        if not nodes:
            self.is_over = True
            return fail_of(self.view, keys) if level == 1 else None
        key = f"score-{level}"
        if key not in self.view.steps:
            return Spawn(steps=(_score(self.make, key, nodes),))
        if not has_ended(self.view.steps[key]):
            return Wait()
        self.made += len(nodes)
        self.levels = level
        self.beam = _kept(self.view, self.given, key, nodes)
        self.is_over = _is_over(self.beam, self.given) or self.made >= self.given.max_thoughts
        return None


def _answer(make: StepMaker, query: str, search: _Search) -> Spawn:
    best, made = search.beam[0], search.made
    follow = "Follow this line of thought; leave it where it is wrong, and say so:"
    instruction = f"{query}\n\n{follow}\n{numbered(best.lines)}"
    spec = make.agent(ANSWER_KEY, "answer", "Answer along the best line of thought", instruction, is_final=True)
    payload = {
        "path": best.path,
        "score": best.score,
        "thoughts": made,
        "levels": search.levels,
        "lines": list(best.lines),
    }
    message = f"The best of {made} thoughts is {best.path} with {best.score:.2f}"
    return Spawn(steps=(spec,), told=(Told(EventKind.PROGRESS, message, payload),))


def _expand_key(level: int, number: int) -> str:
    return f"expand-{level}-{number}"


def _expand(make: StepMaker, given: TreeParameters, level: int, numbered_node: tuple[int, Node]) -> StepSpec:
    number, node = numbered_node
    so_far = f"The line of thought so far:\n{numbered(node.lines)}" if node.lines else "Nothing has been thought yet."
    instruction = f"Give {given.breadth} ways to go on. This is level {level} of {given.depth}. {so_far}"
    return make.decide(
        _expand_key(level, number),
        "think",
        f"Widen {node.path or 'the root'} (level {level})",
        "thoughts",
        instruction,
        with_history=True,
        agent_id=f"thinker-{number}",
    )


def _children(view: TaskView, keys: Sequence[str], beam: Sequence[Node]) -> list[Node]:
    """Return the thoughts of a level, at most as many of each node as were asked for."""
    breadth = TreeParameters.of(view).breadth
    nodes = []
    for key, parent in zip(keys, beam, strict=True):
        for number, item in enumerate(value_of(view, key).get("thoughts", [])[:breadth], start=1):
            path = f"{parent.path}.{number}" if parent.path else str(number)
            nodes.append(Node(path, (*parent.lines, item["thought"]), bool(item["is_final"])))
    return nodes


def _score(make: StepMaker, key: str, nodes: Sequence[Node]) -> StepSpec:
    listed = "\n\n".join(f"### {node.path}\n\n{numbered(node.lines)}" for node in nodes)
    return make.decide(
        key, "score", f"Score {len(nodes)} thoughts", "scores", sections={"Lines of thought": listed}, agent_id="scorer"
    )


def _kept(view: TaskView, given: TreeParameters, key: str, nodes: Sequence[Node]) -> list[Node]:
    """Return the best nodes, the best first; without scores the first ones. At least one is always left."""
    scores = {item["id"]: float(item["score"]) for item in value_of(view, key).get("scores", [])}
    scored = [Node(node.path, node.lines, node.is_final, scores.get(node.path, 0.0)) for node in nodes]
    ordered = sorted(scored, key=lambda node: -node.score)
    return [node for node in ordered if node.score >= given.prune_below][: given.beam] or ordered[:1]


def _is_over(beam: Sequence[Node], given: TreeParameters) -> bool:
    best = beam[0]
    return best.score < given.prune_below or (best.is_final and best.score >= given.good_enough)
