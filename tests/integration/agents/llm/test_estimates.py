"""Estimates of tokens against a tokenizer: that of GPT-4, which litellm brings along."""

import json
from base64 import b64encode
from hashlib import sha512
from uuid import UUID

import pytest
from litellm.litellm_core_utils.default_encoding import encoding as tokenizer

from agents.llm.estimates import text_tokens_estimate


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog near the river bank while rain falls. " * 50,
        "\n".join(
            f"AAPL,{2000 + month // 12}-{month % 12 + 1:02}-01,{month * 37 % 971 / 7:.2f}" for month in range(200)
        ),
        json.dumps([{"id": number, "v": number / 7, "ok": True} for number in range(200)]),
        "\n".join(str(UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)) for number in range(1, 100)),
        sha512(b"x").hexdigest() * 20,
        b64encode(b"".join(sha512(bytes([number])).digest() for number in range(40))).decode(),
        "今天天气很好我们一起去公园散步吧然后回家做饭" * 50,
        "สวัสดีครับวันนี้อากาศดีมาก" * 50,
        "Съешь же ещё этих мягких французских булок да выпей чаю. " * 50,
        "नमस्ते दुनिया आज मौसम बहुत अच्छा है " * 50,
        "😀🎉🚀🧠" * 200,
        "ሰላም ለዓለም" * 100,
        "!@#$%^&*()_+{}|:<>?" * 100,
    ],
    ids=[
        *("prose", "table", "json", "ids", "hex", "base64", "chinese", "thai", "russian", "hindi", "emoji", "ethiopic"),
        "signs",
    ],
)
def test_estimate_is_not_below_what_a_tokenizer_counts_nor_far_above(text: str) -> None:
    counted = len(tokenizer.encode(text, disallowed_special=()))

    assert counted <= text_tokens_estimate(text) <= 2 * counted
