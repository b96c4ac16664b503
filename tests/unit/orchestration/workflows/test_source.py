"""A template's YAML: whatever it says is refused with its file and line, or can be kept; never anything else."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import TemplateInvalid
from orchestration.strategies.workflow import Workflow
from orchestration.workflows.inheritance import complete, inherited
from orchestration.workflows.source import source_parse, workflow_check

PARENT = """name: parent
inputs: {properties: {topic: {type: string}}}
nodes:
  - {id: first, instruction: "Begin with {{inputs.topic}}"}
  - {id: second, instruction: go on, depends_on: [first]}
"""
CHILD = "name: child\nextends: parent\n"
ONE = "name: x\nnodes:\n  - {id: a, instruction: b}\n"


def checked(text: str) -> Workflow:
    """Check a template as it is saved; `extends` takes over `PARENT`."""
    source = source_parse(text, file="t.yaml")
    values = dict(source.values)
    if values.get("extends"):
        values = inherited(values, source_parse(PARENT, file="parent.yaml").values)
    return workflow_check(complete(values), source, tools=["calculator", "http_fetch"], roles=["generalist"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CHILD + "defaults: [1]\n", "t.yaml:3: defaults: must be an object"),
        (CHILD + "inputs: 3\n", "t.yaml:3: inputs: must be an object"),
        (CHILD + "inputs:\n  properties: [1]\n", "t.yaml:4: inputs.properties: must be an object"),
        (CHILD + "inputs:\n  required: 3\n", "t.yaml:4: inputs.required: must be a list"),
        (CHILD + "nodes: 5\n", "t.yaml:3: nodes: must be a list"),
        (CHILD + "nodes:\n  - first\n", "t.yaml:4: nodes.0: must be an object"),
        (CHILD + "nodes:\n  - {id: [a], instruction: x}\n", "t.yaml:4: nodes.0: needs an id"),
        (ONE + "description: one\ndescription: two\n", "t.yaml:5: description: is there twice"),
        (ONE + 'description: "a\\0b"\n', "t.yaml:4: description: must not contain NUL"),
        (ONE + 'inputs: {"a\\0": 1}\n', "t.yaml:4: inputs: must not contain NUL"),
        (ONE + "inputs:\n  default: .nan\n", "t.yaml:5: inputs.default: must be a finite number"),
        (ONE + "inputs:\n  default: -1.0e+999\n", "t.yaml:5: inputs.default: must be a finite number"),
        (ONE + "    budget_tokens: 1\n", "t.yaml:4"),
        (ONE.replace("b}", f"b, budget_tokens: {10**30}}}"), "t.yaml:3: nodes.0.budget_tokens"),
    ],
)
def test_what_cannot_be_merged_or_kept_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        checked(text)
    assert problem in refused.value.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            CHILD
            + "nodes:\n  - {id: new, instruction: x}\n"
            + "  - id: second\n    depends_on: [first, new]\n    strategy: magic\n",
            "t.yaml:7: nodes.1.strategy",
        ),
        (CHILD + "nodes:\n  - id: first\n    tools: [hammer]\n", "t.yaml:5: nodes.0.tools"),
        (CHILD + "nodes:\n  - id: second\n    max_items: 0\n", "t.yaml:5: nodes.0.max_items"),
        (CHILD + "defaults:\n  tier: huge\n", "t.yaml:4: defaults.tier"),
        (
            CHILD + "nodes:\n  - {id: second, depends_on: [ghost]}\n",
            "t.yaml:4: nodes.0.depends_on: there is no node 'ghost'",
        ),
        (CHILD + "nodes:\n  - {id: first, remove: true}\n", "t.yaml:2: extends: second: there is no node 'first'"),
    ],
)
def test_a_template_that_inherits_is_told_its_own_lines(text: str, problem: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        checked(text)
    assert problem in refused.value.message


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        (
            "  - {id: a, instruction: b}\n  - {id: c, instruction: b, depends_on: [d]}\n",
            "t.yaml:4: nodes.1.depends_on: there",
        ),
        (
            "  - {id: a, instruction: b, depends_on: [c]}\n  - {id: c, instruction: b, depends_on: [a]}\n",
            "depends_on: the nodes form a cycle",
        ),
        (
            "  - {id: a, instruction: b}\n  - {id: a, instruction: b}\n",
            "t.yaml:4: nodes.1.id: there is another node 'a'",
        ),
        (
            "  - {id: a, instruction: b}\n  - {id: c, strategy: combine}\n",
            "t.yaml:4: nodes.1.strategy: c combines nothing",
        ),
        ("  - {id: a, instruction: b}\n  - {id: c, instruction: b}\n", "t.yaml:2: nodes: several nodes are last"),
        (
            "  - {id: a, instruction: b}\n  - {id: c, instruction: 'x {{nodes.a}}'}\n",
            "t.yaml:4: nodes.1.instruction: c reads a",
        ),
        (
            "  - {id: a, instruction: b}\nedges:\n  - {from: a, to: ghost}\n",
            "t.yaml:5: edges.0: there is no node 'ghost'",
        ),
        ("  - {id: a, instruction: b}\nanswer: ghost\n", "t.yaml:4: answer: there is no node 'ghost'"),
    ],
)
def test_what_is_wrong_with_the_graph_is_told_where_it_is(nodes: str, problem: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        checked(f"name: x\nnodes:\n{nodes}")
    assert problem in refused.value.message


@pytest.mark.parametrize(
    "reads",
    [
        "instruction: 'Say {{inputs.topci}}'",
        "instruction: b, for_each: inputs.topci",
        "instruction: b, when: {value: inputs.topci, equals: 1}",
    ],
)
def test_an_input_that_nobody_can_give_is_refused_and_any_is_possible_where_none_is_declared(reads: str) -> None:
    declared = "inputs: {properties: {topic: {type: string}}}\n"
    text = f"name: x\n{{}}nodes:\n  - {{{{id: a, {reads.replace('{', '{{').replace('}', '}}')}}}}}\n"
    with pytest.raises(TemplateInvalid, match=r"t.yaml:4: nodes.0.\w+: there is no input 'topci'"):
        checked(text.format(declared))
    assert checked(text.format(""))


def test_research_is_refused_the_tools_without_which_it_finds_nothing() -> None:
    with pytest.raises(TemplateInvalid, match="research needs http_fetch and web_search"):
        checked(ONE.replace("b}", "b, strategy: research, tools: [http_fetch]}"))


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.binary(max_size=4),
    st.sampled_from(["a", "first", "a\0", "{{item}}"]),
)
_NAMES = st.sampled_from(
    [
        "name",
        "extends",
        "nodes",
        "id",
        "instruction",
        "inputs",
        "properties",
        "required",
        "defaults",
        "when",
        "edges",
        "from",
        "tools",
    ]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | _SCALARS.filter(bool), inner, max_size=4),
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.dictionaries(_NAMES, _VALUES, max_size=6), whole=st.booleans(), child=st.booleans())
def test_rubbish_is_refused_as_a_template_or_can_be_kept(data: dict[str, Any], whole: bool, child: bool) -> None:
    if whole:
        data = {"name": "x", "nodes": [{"id": "a", "instruction": "b"}], **data}
    if child:
        data["extends"] = "parent"
    else:
        data.pop("extends", None)
    try:
        workflow = checked(yaml.safe_dump(data))
    except TemplateInvalid:
        return
    stored = json.dumps(workflow.model_dump(mode="json", by_alias=True, exclude_unset=True), allow_nan=False)
    assert "\\u0000" not in stored
