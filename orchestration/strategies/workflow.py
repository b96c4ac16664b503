"""A workflow: what a template says is to be done, checked. Pure."""

import re
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestration.strategies.base import Tier

COMBINE: Final = "combine"
BUDGET_MOST_TOKENS: Final = 10**12  # as of a request: larger numbers are mistakes
PLACEHOLDER: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
NodeId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Misplaced(ValueError):
    """What is wrong with the graph as a whole; `path` is the part of the workflow that is to be changed."""

    def __init__(self, message: str, path: str) -> None:
        """Say what is wrong and where."""
        super().__init__(message)
        self.path = path


class When(_Strict):
    """A condition on an input or on the result of a node that is depended on; exactly one comparison."""

    value: str = Field(description="`inputs.<name>` or `nodes.<id>`.", pattern=r"^(inputs|nodes)\.[\w-]+$")
    equals: str | int | float | bool | None = None
    contains: str | None = Field(None, max_length=200, description="Anywhere in the text, in any case.")
    lacks: str | None = Field(None, max_length=200)
    above: float | None = Field(None, description="The first number in the text is larger.")
    below: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = self.model_fields_set - {"value"}
        if len(given) != 1:
            raise ValueError("needs exactly one of equals, contains, lacks, above, below")
        return self


class OnFail(_Strict):
    """What is done when a node fails, in this order: again, by a cheaper strategy, by a larger model."""

    retry: int = Field(0, ge=0, le=3, description="How often it is tried again as it is.")
    degrade_to: str = Field("", description="A strategy that is tried after that.")
    escalate_to: Tier | Literal[""] = Field(
        "", description="A model tier that is tried last, with the node's strategy."
    )
    go_on: bool = Field(False, description="True: what depends on the node runs all the same, without its result.")


class Node(_Strict):
    """One piece of work."""

    id: NodeId
    title: str = Field("", max_length=200)
    instruction: str = Field("", max_length=8000, description="`{{inputs.<name>}}` and `{{item}}` are filled in.")
    strategy: str = Field("simple", description="A strategy's name, or `combine`: one answer of what it depends on.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Of the strategy.")
    depends_on: list[NodeId] = Field(default_factory=list, max_length=20)
    tools: list[str] | None = Field(
        None, max_length=20, description="The only tools of its agents; absent: its role's."
    )
    role: str = Field("", max_length=64)
    tier: Tier | Literal[""] = ""
    budget_tokens: int | None = Field(
        None,
        ge=1,
        le=BUDGET_MOST_TOKENS,
        description="What each attempt at it may use, of each item; with less than its strategy needs, that degrades.",
    )
    when: When | None = None
    for_each: str = Field("", description="`inputs.<name>` or `nodes.<id>`: done once for each item of the list.")
    max_items: int = Field(10, ge=1, le=50)
    on_fail: OnFail = Field(default_factory=OnFail)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.for_each and not re.match(r"^(inputs|nodes)\.[\w-]+$", self.for_each):
            raise ValueError("for_each must be inputs.<name> or nodes.<id>")
        if self.strategy != COMBINE and not self.instruction.strip():
            raise ValueError("needs an instruction")
        return self

    @property
    def needed_nodes(self) -> list[str]:
        """Nodes whose results it reads: in its condition, its list and its instruction."""
        named = [self.for_each, self.when.value if self.when else "", *PLACEHOLDER.findall(self.instruction)]
        return [name.removeprefix("nodes.") for name in named if name.startswith("nodes.")]


class Edge(_Strict):
    """`to` depends on `from`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: NodeId = Field(alias="from")
    to: NodeId


class Workflow(_Strict):
    """A template's content, complete: nothing is inherited any more."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    description: str = Field("", max_length=1000)
    inputs: dict[str, Any] = Field(default_factory=lambda: {"type": "object"}, description="JSON schema of the inputs.")
    nodes: list[Node] = Field(min_length=1, max_length=50)
    edges: list[Edge] = Field(default_factory=list, max_length=200)
    answer: NodeId | Literal[""] = Field("", description="Whose result is the answer; absent: the only last node.")

    @model_validator(mode="after")
    def _graph(self) -> Self:
        ids = [node.id for node in self.nodes]
        for number, name in enumerate(ids):
            if name in ids[:number]:
                raise Misplaced(f"node ids are not unique: {name}", f"nodes.{number}.id")
        for path, name in self._named():
            if name not in ids:
                raise Misplaced(f"there is no node {name!r}", path)
        try:
            TopologicalSorter({node.id: self.before(node) for node in self.nodes}).prepare()
        except CycleError as error:
            around = list(reversed(error.args[1]))
            path = f"nodes.{ids.index(around[0])}.depends_on"
            raise Misplaced(f"the nodes form a cycle: {' -> '.join(around)}", path) from error
        for number, node in enumerate(self.nodes):
            if node.strategy == COMBINE and not self.before(node):
                raise Misplaced(f"{node.id} combines nothing: it depends on no node", f"nodes.{number}.strategy")
            if missing := set(node.needed_nodes) - set(self.before(node)):
                what = f"{node.id} reads {', '.join(sorted(missing))} and does not depend on it"
                raise Misplaced(what, f"nodes.{number}.instruction")
        if not self.answer and len(self.sinks()) != 1:
            raise Misplaced(f"several nodes are last ({', '.join(self.sinks())}): say which is the answer", "nodes")
        return self

    def _named(self) -> Iterable[tuple[str, str]]:
        """Return each node that is named somewhere, with the path of that place."""
        for number, node in enumerate(self.nodes):
            yield from ((f"nodes.{number}.depends_on", name) for name in node.depends_on)
        for number, edge in enumerate(self.edges):
            yield from ((f"edges.{number}", name) for name in (edge.source, edge.to))
        if self.answer:
            yield "answer", self.answer

    def before(self, node: Node) -> list[str]:
        """Return what a node depends on: what it says, and the edges to it."""
        return list(dict.fromkeys([*node.depends_on, *(edge.source for edge in self.edges if edge.to == node.id)]))

    def sinks(self) -> list[str]:
        """Return the nodes on which nothing depends."""
        needed = {name for node in self.nodes for name in self.before(node)}
        return [node.id for node in self.nodes if node.id not in needed]

    @property
    def answer_node(self) -> str:
        """The node whose result is the answer."""
        return self.answer or self.sinks()[0]

    def in_order(self) -> list[Node]:
        """Return the nodes, each after what it depends on."""
        by_id = {node.id: node for node in self.nodes}
        order: Iterable[str] = TopologicalSorter({node.id: self.before(node) for node in self.nodes}).static_order()
        return [by_id[name] for name in order]
