"""JSON made fit for Postgres, for comparing and for showing."""

import json

import pytest

from agents.journal import bounded_json, bounded_text, canonical_digest, storable_json


def test_the_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_digest({"a": 1, "b": [1, 2]}) == canonical_digest({"b": [1, 2], "a": 1})
    assert canonical_digest({"a": 1}) != canonical_digest({"a": "1"})


def test_nan_is_refused_by_the_digest() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_digest({"a": float("nan")})


def test_what_postgres_cannot_keep_is_replaced() -> None:
    stored, _ = storable_json({"a\x00": ["x\x00y", "\ud800z"], "ok": "😀"})
    assert stored == {"a\ufffd": ["x\ufffdy", "\ufffdz"], "ok": "😀"}


@pytest.mark.parametrize(
    ("number", "stored"), [(1e16, 10**16), (1.5e-7, 1.5e-7), (1.0, 1.0), (-0.0, 0.0), (1.5e300, 15 * 10**299)]
)
def test_numbers_become_what_jsonb_gives_back(number: float, stored: float) -> None:
    value = storable_json({"n": number})[0]["n"]
    assert (value, type(value)) == (stored, type(stored))
    assert str(value) == str(stored)


def test_a_cut_text_says_how_long_it_was() -> None:
    assert bounded_text("abcdef", 6) == "abcdef"
    assert bounded_text("abcdef", 2) == "ab… [cut: 6 characters in all]"


def test_a_large_value_is_bounded_and_says_so() -> None:
    small = {"a": "x" * 100}
    assert bounded_json(small, 1000) == small
    cut = bounded_json({"a": "x" * 5000, "b": 1}, 1000)
    assert cut["b"] == 1
    assert cut["a"].endswith("[cut: 5000 characters in all]")
    many = bounded_json({str(number): "x" * 50 for number in range(500)}, 1000)
    assert many["truncated"] is True
    assert many["bytes"] > 25_000
    assert len(json.dumps(many)) < 1200
