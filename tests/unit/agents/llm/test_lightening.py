"""What litellm keeps in a worker, looked at in a process of its own: another test may have used what is left out."""

import json
import subprocess
import sys
from typing import Any

import pytest

LOOK = """
import json, sys, threading
import django
django.setup()
from agents.llm import gateway
gateway.LitellmGateway().warm()
library = gateway._library
tokenizer = "litellm.litellm_core_utils.default_encoding"
types = lambda: [name for name in sys.modules if name.startswith("openai.types.")]
warm = {"router": "litellm.router" in sys.modules, "types": len(types())}
print(json.dumps({
    "tokenizer_after_warming": tokenizer in sys.modules,
    "threads": [thread.name for thread in threading.enumerate() if "logging" in thread.name],
    "proxy": "litellm.proxy._types" in sys.modules,
    "vocabularies": [name for name in ("json_data", "claude_json_str") if name in vars(library.utils)],
    "second_prices": len(library.litellm_core_utils.get_model_cost_map.GetModelCostMap.loaded_model_cost_map()),
    "prices": len(library.model_cost),
    "counted": len(library.main._get_encoding().encode("one two three")),
    "counted_by_library": library.token_counter(model="gpt-4o", text="one two three"),
    "tokenizer_at_use": tokenizer in sys.modules,
    "warm": warm,
    "written_vocabulary": json.loads(library.utils.claude_json_str)["model"]["type"],
    "counted_by_old_vocabulary": library.token_counter(model="claude-2", text="one two three"),
    "router": library.Router.__module__ + "." + library.Router.__name__,
    "router_module": library.router is sys.modules["litellm.router"],
    "router_holders": [n for n, m in list(sys.modules.items()) if vars(m).get("Router", library.Router) is None],
    "type_of_openai": library.main.openai.types.chat.ChatCompletion.__name__,
}))
"""


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What a warm process holds."""
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_its_tokenizer_is_loaded_when_somebody_counts_with_it(seen: dict[str, Any]) -> None:
    assert not seen["tokenizer_after_warming"]
    assert seen["counted"] == seen["counted_by_library"] == 3
    assert seen["tokenizer_at_use"]


def test_its_other_vocabulary_is_read_when_somebody_counts_with_it(seen: dict[str, Any]) -> None:
    assert seen["vocabularies"] == []
    assert seen["written_vocabulary"] == "BPE"
    assert seen["counted_by_old_vocabulary"] == 3


def test_its_router_is_loaded_when_somebody_asks_for_it(seen: dict[str, Any]) -> None:
    assert not seen["warm"]["router"]
    assert seen["router"] == "litellm.router.Router"
    assert seen["router_module"]
    assert seen["router_holders"] == []


def test_types_of_openai_are_loaded_by_whoever_asks_for_them(seen: dict[str, Any]) -> None:
    assert 0 < seen["warm"]["types"] < 350  # of 750
    assert seen["type_of_openai"] == "ChatCompletion"


def test_a_call_loads_nothing_of_its_proxy(seen: dict[str, Any]) -> None:
    assert not seen["proxy"]


def test_no_thread_waits_for_what_nobody_logs(seen: dict[str, Any]) -> None:
    assert seen["threads"] == []


def test_its_price_list_is_kept_once(seen: dict[str, Any]) -> None:
    assert seen["second_prices"] == 0
    assert seen["prices"] > 1000
