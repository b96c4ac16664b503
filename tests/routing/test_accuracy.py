"""How well the router chooses, on requests that people labelled; the table is printed with `pytest -s`."""

import re
from collections import Counter
from pathlib import Path

import yaml
from django.conf import settings

from orchestration.choosing import ROUTED
from orchestration.strategies.router import route
from orchestration.wishes import tier_by_request

REQUESTS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("requests.yaml").read_text())
KNOWN = frozenset(ROUTED)
FLOOR_OVERALL = 0.85
FLOOR_EACH = 0.7
MOST_UNSURE = 0.15  # each costs a model call


def table() -> dict[str, tuple[int, int, int]]:
    """Return right, unsure and all requests of each label; one that asks a model is right if the label is offered."""
    rows = {}
    for label, queries in REQUESTS.items():
        routes = [route(query, KNOWN) for query in queries]
        right = sum(label in found.candidates if found.is_unsure else found.strategy == label for found in routes)
        rows[label] = (right, sum(found.is_unsure for found in routes), len(queries))
    return rows


def test_the_set_is_large_and_has_every_strategy() -> None:
    assert sum(map(len, REQUESTS.values())) >= 120
    assert set(REQUESTS) == set(KNOWN) - {"template"}
    assert Counter(query for queries in REQUESTS.values() for query in queries).most_common(1)[0][1] == 1


def test_the_router_is_right_often_enough_and_seldom_asks_a_model() -> None:
    rows = table()
    for label, (right, unsure, count) in rows.items():
        print(f"{label:18} {right:3} of {count:3} = {right / count:.2f}   asks a model: {unsure}")
    right, unsure, count = (sum(column) for column in zip(*rows.values(), strict=True))
    print(f"{'all':18} {right:3} of {count:3} = {right / count:.2f}   asks a model: {unsure}")
    assert right / count >= FLOOR_OVERALL
    assert {label: found for label, found in rows.items() if found[0] / found[2] < FLOOR_EACH} == {}
    assert unsure / count <= MOST_UNSURE


def test_the_page_on_strategies_has_the_table() -> None:
    rows = table()
    page = (Path(settings.BASE_DIR) / "docs" / "strategies.md").read_text()
    found = re.findall(r"^\| `?(\w+)`? \| (\d+) of (\d+) \| (\d+) \|$", page, re.MULTILINE)
    sums = [sum(column) for column in zip(*rows.values(), strict=True)]
    wanted = {**rows, "all": tuple(sums)}
    assert {label: (int(right), int(unsure), int(count)) for label, right, count, unsure in found} == wanted


def test_a_request_that_needs_one_agent_never_asks_a_model() -> None:
    assert [query for query in REQUESTS["simple"] if route(query, KNOWN).is_unsure] == []


def test_two_tiers_send_what_is_simple_to_the_small_one_and_hardly_anything_else() -> None:
    small = {label: sum(tier_by_request(query) == "small" for query in queries) for label, queries in REQUESTS.items()}
    others = {label: queries for label, queries in REQUESTS.items() if label != "simple"}
    assert small["simple"] / len(REQUESTS["simple"]) >= FLOOR_OVERALL
    assert sum(small[label] for label in others) / sum(map(len, others.values())) <= 1 - FLOOR_OVERALL
