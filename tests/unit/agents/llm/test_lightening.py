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


def test_its_other_vocabulary_is_kept_once(seen: dict[str, Any]) -> None:
    assert seen["vocabularies"] == ["claude_json_str"]


def test_a_call_loads_nothing_of_its_proxy(seen: dict[str, Any]) -> None:
    assert not seen["proxy"]


def test_no_thread_waits_for_what_nobody_logs(seen: dict[str, Any]) -> None:
    assert seen["threads"] == []


def test_its_price_list_is_kept_once(seen: dict[str, Any]) -> None:
    assert seen["second_prices"] == 0
    assert seen["prices"] > 1000
