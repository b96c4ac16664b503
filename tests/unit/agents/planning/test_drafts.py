"""A plan is asked for with all that the model needs, and read from whatever frame it puts it in."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.loop.json_answers import json_object_in
from agents.planning.drafts import PlanRequest, plan_messages
from agents.planning.schema import PLAN_SCHEMA

PLAN = {"subtasks": [], "synthesis_instruction": "x {y}"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (json.dumps(PLAN), PLAN),
        (f"```json\n{json.dumps(PLAN, indent=2)}\n```", PLAN),
        (f"Here is the plan:\n```\n{json.dumps(PLAN)}\n```\nGood luck!", PLAN),
        (f"Sure! {json.dumps(PLAN)} Anything else?", PLAN),
        ("{not json} " + json.dumps(PLAN), PLAN),
        ("[1, 2]", None),
        ("no plan", None),
        ("", None),
        ("{" * 5000, None),
    ],
)
def test_first_json_object_is_the_plan(text: str, found: dict[str, Any] | None) -> None:
    assert json_object_in(text) == found


def test_schema_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(PLAN_SCHEMA)


def test_prompt_names_limit_tools_and_files() -> None:
    request = PlanRequest(
        query="Do it", tools=[("python", "Runs code")], workspace_overview="- a.csv (3 bytes)", max_subtasks=7
    )

    system, user = plan_messages(request)

    assert "at most 7" in system["content"]
    assert "- python: Runs code" in system["content"]
    assert "- a.csv (3 bytes)" in system["content"]
    assert user == {"role": "user", "content": "Do it"}


def test_repair_shows_the_plan_and_its_problems() -> None:
    request = PlanRequest(query="Do it", tools=[], previous_plan=PLAN, problems=["It has no subtasks."])

    messages = plan_messages(request)

    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert json.loads(messages[2]["content"]) == PLAN
    assert "- It has no subtasks." in messages[3]["content"]


def test_repair_shows_what_was_no_plan() -> None:
    request = PlanRequest(query="Do it", tools=[], previous_text="I refuse.", problems=["This is no JSON object."])

    assert plan_messages(request)[2]["content"] == "I refuse."


def test_conversation_stands_before_the_request() -> None:
    request = PlanRequest(query="And then?", tools=[], history=[("user", "a"), ("assistant", "b")])

    assert [message["content"] for message in plan_messages(request)[1:]] == ["a", "b", "And then?"]
