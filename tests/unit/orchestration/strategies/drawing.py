"""What models may answer and requests may ask, drawn by hypothesis: forms, plans, parameters, workflows."""

from typing import Any

from hypothesis import strategies as st

from orchestration.strategies import OFFERED

NAMES = ["a", "b", "c", "t1", "t2", "side-1", "1", "2", "1.1", "A", "B", "lead", "ada", "ben"]
TOOLS = ["python", "calculator", "unknown_tool"]


def form_values(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return answers that fit a form: what the engine lets through."""
    names, score, line = st.sampled_from(NAMES), st.floats(0, 1), st.sampled_from(["x", "y", "The answer is 4.", ""])
    prose = line.filter(bool)
    assignment = st.fixed_dictionaries(
        {
            "id": names,
            "title": line,
            "instruction": line,
            "owner": names,
            "role": st.sampled_from(["generalist", "analyst", "nobody"]),
            "tools": st.lists(st.sampled_from(TOOLS), max_size=2),
            "depends_on": st.lists(names, max_size=3),
        }
    )
    mail = st.fixed_dictionaries({"to": names, "text": line})
    fields: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "argument": {"position": line, "argument": prose, "confidence": score},
        "ballot": {"ranking": st.lists(names, min_size=1, max_size=5), "reason": line},
        "chain": {"thoughts": st.lists(line, min_size=1, max_size=3), "answer": prose, "confidence": score},
        "critique": {
            "score": score,
            "verdict": st.sampled_from(["accept", "revise"]),
            "issues": st.lists(line, max_size=2),
        },
        "lead": {
            "decision": st.sampled_from(["delegate", "finish"]),
            "note": line,
            "tasks": st.lists(assignment, max_size=6),
            "messages": st.lists(mail, max_size=3),
        },
        "react": {
            "thought": line,
            "action": st.sampled_from(["tool", "answer"]),
            "tool": st.sampled_from(TOOLS),
            "arguments": st.sampled_from(["{}", "[", '{"a": 1}', "null"]),
            "answer": line,
        },
        "scores": {
            "scores": st.lists(
                st.fixed_dictionaries({"id": names, "score": score, "reason": line}), min_size=1, max_size=5
            )
        },
        "thoughts": {
            "thoughts": st.lists(
                st.fixed_dictionaries({"thought": prose, "is_final": st.booleans()}), min_size=1, max_size=6
            )
        },
        "verdict": {"winner": names, "reasons": st.lists(line, max_size=2), "answer": prose},
        "route": {"strategy": names, "confidence": score, "reasons": st.lists(line, max_size=2)},
        "shape": {},
        "research_plan": {
            "question": line,
            "dimensions": st.lists(
                st.fixed_dictionaries(
                    {"id": names, "title": line, "question": line, "queries": st.lists(line, min_size=1, max_size=2)}
                ),
                min_size=1,
                max_size=3,
            ),
        },
        "findings": {
            "findings": st.lists(
                st.fixed_dictionaries(
                    {"claim": line, "source": names, "quote": st.sampled_from(["The page says it.", "It does not."])}
                ),
                max_size=3,
            )
        },
        "coverage": {
            "is_enough": st.booleans(),
            "gaps": st.lists(st.fixed_dictionaries({"dimension": names, "query": line}), max_size=3),
        },
        "report": {
            "report": st.lists(
                st.sampled_from(
                    [
                        "It is so [1].",
                        "Nothing [99].",
                        "[1][2] both",
                        "All of them say it [1, 2; 3].",
                        "Three say it. [1-3] Another does not [2](https://evil.example/x).",
                        "Between [0, 1] lies much.",
                    ]
                ),
                min_size=1,
                max_size=4,
            ).map("\n".join)
        },
        "verification": {
            "claims": st.lists(
                st.fixed_dictionaries(
                    {
                        "claim": names,
                        "verdict": st.sampled_from(["supported", "unsupported", "insufficient"]),
                        "sentence": st.sampled_from(["The page says it.", "invented sentence"]),
                    }
                ),
                max_size=3,
            )
        },
    }
    return st.fixed_dictionaries(fields[name])


def plans() -> st.SearchStrategy[dict[str, Any] | None]:
    """Return drafts of plans, sound and unsound."""
    names = st.sampled_from(["s1", "s2", "s3"])
    subtask = st.fixed_dictionaries(
        {
            "id": names,
            "title": st.just("t"),
            "instruction": st.just("do it"),
            "depends_on": st.lists(names, max_size=2),
            "tools": st.lists(st.sampled_from(TOOLS), max_size=2),
            "produces": st.lists(st.sampled_from(["x", "y"]), max_size=1),
            "consumes": st.lists(st.sampled_from(["x", "y"]), max_size=1),
        }
    )
    plan = st.fixed_dictionaries(
        {"subtasks": st.lists(subtask, max_size=6), "synthesis_instruction": st.just("join them")}
    )
    return st.one_of(st.none(), plan)


def parameters_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return parameters within the declared limits."""
    limits: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "dag": {
            "execution": st.sampled_from(["hybrid", "parallel", "sequential"]),
            "max_subtasks": st.integers(1, 6),
            "synthesize": st.booleans(),
        },
        "react": {"max_iterations": st.integers(1, 6), "window": st.integers(1, 3)},
        "chain_of_thought": {"samples": st.integers(1, 5), "max_thoughts": st.integers(1, 3)},
        "reflection": {"threshold": st.floats(0, 1), "max_rounds": st.integers(1, 4)},
        "debate": {
            "variant": st.sampled_from(["debate", "council"]),
            "sides": st.integers(2, 4),
            "rounds": st.integers(1, 3),
        },
        "tree_of_thoughts": {
            "breadth": st.integers(2, 3),
            "depth": st.integers(1, 4),
            "beam": st.integers(1, 3),
            "max_thoughts": st.integers(2, 20),
        },
        "supervisor": {
            "max_rounds": st.integers(1, 5),
            "max_agents": st.integers(1, 4),
            "max_tasks": st.integers(1, 6),
        },
        "research": {
            "depth": st.sampled_from(["quick", "standard", "deep", "academic"]),
            "rounds": st.integers(1, 4),
            "verify": st.booleans(),
        },
        "swarm": {
            "max_rounds": st.integers(1, 5),
            "max_agents": st.integers(1, 4),
            "max_tasks": st.integers(1, 6),
            "max_messages": st.integers(0, 5),
        },
    }
    return st.fixed_dictionaries(limits.get(name, {}))


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """Return workflows of up to five nodes with conditions, lists and every way to go on after a failure.

    One of the nodes has any strategy that there is, the others have short ones.
    """
    usable = sorted(set(OFFERED) - {"template"})
    nodes: list[dict[str, Any]] = []
    count = draw(st.integers(1, 5))
    long_one = draw(st.integers(0, count - 1))
    for number in range(count):
        earlier = [str(node["id"]) for node in nodes]
        before: list[str] = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        flag = st.booleans()
        may_combine: bool = draw(flag)
        combines = bool(before) and may_combine
        drawn = usable if number == long_one else ["simple", "chain_of_thought", "reflection"]
        strategy = "combine" if combines else draw(st.sampled_from(drawn))
        node: dict[str, Any] = {
            "id": f"n{number}",
            "instruction": "Do {{item}} of {{inputs.x}}",
            "strategy": strategy,
            "parameters": draw(parameters_of(strategy)),
            "depends_on": before,
            "on_fail": {
                "retry": draw(st.integers(0, 2)),
                "degrade_to": draw(st.sampled_from(["", "simple", *usable] if number == long_one else ["", "simple"])),
                "escalate_to": draw(st.sampled_from(["", "large"])),
                "go_on": draw(flag),
            },
        }
        has_condition: bool = draw(flag)
        if before and has_condition:
            node["when"] = {"value": f"nodes.{before[0]}", "contains": "done"}
        has_list: bool = draw(flag)
        if not combines and has_list:
            node["for_each"] = draw(st.sampled_from(["inputs.list", "inputs.none"]))
        nodes.append(node)
    return {"name": "drawn", "nodes": nodes, "answer": nodes[-1]["id"]}
