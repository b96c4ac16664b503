"""Reading a template's YAML: every problem is told with file and line. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from pydantic import ValidationError

from orchestration.choosing import parameters_check
from orchestration.errors import TemplateInvalid
from orchestration.strategies import OFFERED
from orchestration.strategies.workflow import COMBINE, PLACEHOLDER, Misplaced, Node, Workflow
from orchestration.workflows.shape import Problem, shape_problems, value_problems
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.json_schemas import schema_problem

SOURCE_MAX_CHARACTERS: Final = 100_000
RESEARCH_TOOLS: Final = frozenset({"web_search", "http_fetch"})
_DEPTH: Final = 30


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed template: its values, and the line of each, by path (`nodes.2.strategy`)."""

    file: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def at(self, path: str) -> str:
        """Return file and line of a path, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return f"{self.file}:{self.lines.get(path, 1)}"

    def told(self, path: str, what: str, merged: Mapping[str, Any]) -> str:
        """Return a problem of a template that inherits, with the file and line that caused it.

        Args:
            path: Where it is in the complete template.
            what: What is wrong.
            merged: The complete template: the numbers of its nodes may be other ones than here.
        """
        kind, _, rest = path.partition(".")
        number, _, field = rest.partition(".")
        if kind != "nodes" or not number.isdigit():
            return f"{self.at(path)}: {path or 'the template'}: {what}"
        name = merged["nodes"][int(number)].get("id")
        place = self._own_place(name, field)
        return f"{self.at(place)}: {place}: {what}" if place else f"{self.at('extends')}: extends: {name}: {what}"

    def _own_place(self, name: str, field: str) -> str:
        """Return where this text says something of a node's field; empty where it inherits the node as it is."""
        nodes = self.values.get("nodes") or ()
        own = next(((number, node) for number, node in enumerate(nodes) if node["id"] == name), None)
        first = field.partition(".")[0]
        if first in (self.values.get("defaults") or {}) and (own is None or first not in own[1]):
            return f"defaults.{field}"
        return "" if own is None else f"nodes.{own[0]}.{field}".rstrip(".")


def source_parse(text: str, *, file: str) -> Source:
    """Read YAML.

    Raises:
        TemplateInvalid: It is no YAML, no object, too long or too deep, uses aliases (which could make it endless), or
            says something twice or what cannot be kept.
    """
    if len(text) > SOURCE_MAX_CHARACTERS:
        raise TemplateInvalid(f"{file}:1: has more than {SOURCE_MAX_CHARACTERS} characters.")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise TemplateInvalid(f"{file}:1: aliases are not available in templates.")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TemplateInvalid(f"{file}:{line}: {error.problem or 'is no YAML'}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise TemplateInvalid(f"{file}:1: is no YAML: {str(error)[:200]}.") from error
    if not isinstance(values, dict) or root is None:
        raise TemplateInvalid(f"{file}:1: must be an object with name and nodes.")
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    _lines_of(root, "", lines, problems, 0)
    source = Source(file, values, lines)
    if found := [*problems, *shape_problems(values)]:
        raise _invalid([f"{source.at(path)}: {path or 'the template'}: {what}" for path, what in found])
    return source


def _lines_of(node: yaml.Node, path: str, lines: dict[str, int], problems: list[Problem], depth: int) -> None:
    """Note the line of everything, and what cannot be kept."""
    problems.extend(value_problems(path, node))
    if depth > _DEPTH:
        problems.append((path, f"is nested more than {_DEPTH} levels deep"))
        return
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{path}.{key.value}" if path else str(key.value)
            _lines_of(value, name, lines, problems, depth + 1)
            lines[name] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _lines_of(value, f"{path}.{number}" if path else str(number), lines, problems, depth + 1)


def workflow_check(
    values: Mapping[str, Any], source: Source, *, tools: Sequence[str], roles: Sequence[str]
) -> Workflow:
    """Return the workflow of complete values (nothing is inherited any more).

    Args:
        values: What the template says, with what it inherits.
        source: Where it says so.
        tools: Tools that there are.
        roles: Roles that there are.

    Raises:
        TemplateInvalid: Names file, line and what is wrong; `details.problems` has all of them.
    """
    try:
        workflow = Workflow.model_validate(values)
    except ValidationError as error:
        raise _invalid([_problem(item, source, values) for item in error.errors()]) from error
    problems = [
        source.told(f"nodes.{number}.{field}", what, values)
        for number, node in enumerate(workflow.nodes)
        for field, what in [*_node_problems(node, tools, roles), *_input_problems(node, workflow.inputs)]
    ]
    if problem := schema_problem(workflow.inputs):
        problems.append(f"{source.at('inputs')}: inputs: {problem}")
    if problems:
        raise _invalid(problems)
    return workflow


def _invalid(problems: list[str]) -> TemplateInvalid:
    return TemplateInvalid("; ".join(problems[:5]), details={"problems": problems[:50]})


def _problem(item: Mapping[str, Any], source: Source, merged: Mapping[str, Any]) -> str:
    cause = (item.get("ctx") or {}).get("error")
    path = cause.path if isinstance(cause, Misplaced) else ".".join(str(part) for part in item["loc"])
    return source.told(path, str(item["msg"]).removeprefix("Value error, "), merged)


def _input_problems(node: Node, inputs: Mapping[str, Any]) -> list[Problem]:
    """Return `(field, what is wrong)` of inputs that a node reads and nobody can give."""
    known = inputs.get("properties")
    if not isinstance(known, Mapping):
        return []
    read = [("instruction", name) for name in PLACEHOLDER.findall(node.instruction)]
    read += [("for_each", node.for_each), ("when", node.when.value if node.when else "")]
    missing = [(field, name.removeprefix("inputs.")) for field, name in read if name.startswith("inputs.")]
    return [(field, f"there is no input {name!r}") for field, name in missing if name not in known]


def _node_problems(node: Node, tools: Sequence[str], roles: Sequence[str]) -> list[tuple[str, str]]:
    """Return `(field, what is wrong)` of what only the platform knows: strategies, parameters, tools, roles."""
    usable = sorted(set(OFFERED) - {"template"})
    problems = []
    if node.strategy not in {*usable, COMBINE}:
        problems.append(("strategy", f"{node.strategy!r} is unknown; use one of {', '.join([*usable, COMBINE])}"))
    elif node.strategy != COMBINE:
        try:
            parameters_check(OFFERED[node.strategy], node.parameters)
        except ShannonError as error:
            problems.append(("parameters", error.message))
    if node.on_fail.degrade_to and node.on_fail.degrade_to not in usable:
        problems.append(("on_fail", f"degrade_to: {node.on_fail.degrade_to!r} is unknown"))
    if unknown := sorted(set(node.tools or ()) - set(tools)):
        problems.append(("tools", f"unknown: {', '.join(unknown)}"))
    if node.tools is not None and node.strategy == "research" and not set(node.tools) >= RESEARCH_TOOLS:
        problems.append(("tools", f"research needs {' and '.join(sorted(RESEARCH_TOOLS))}"))
    if node.role and node.role not in roles:
        problems.append(("role", f"{node.role!r} is unknown; use one of {', '.join(roles)}"))
    return problems
