"""How parameters are written: the table of OpenAPI 3.1 §4.8.12.4, and what it leaves open."""

from typing import Any

import pytest

from agents.tools.openapi.styles import header_value, path_value, query_pairs

LIST = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        ("matrix", False, "", ";color="),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, LIST, ";color=blue,black,brown"),
        ("matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
        ("matrix", True, "blue", ";color=blue"),
        ("matrix", True, LIST, ";color=blue;color=black;color=brown"),
        ("matrix", True, OBJECT, ";R=100;G=200;B=150"),
        ("label", False, "", "."),
        ("label", False, "blue", ".blue"),
        ("label", False, LIST, ".blue,black,brown"),
        ("label", False, OBJECT, ".R,100,G,200,B,150"),
        ("label", True, LIST, ".blue.black.brown"),
        ("label", True, OBJECT, ".R=100.G=200.B=150"),
        ("simple", False, "blue", "blue"),
        ("simple", False, LIST, "blue,black,brown"),
        ("simple", False, OBJECT, "R,100,G,200,B,150"),
        ("simple", True, LIST, "blue,black,brown"),
        ("simple", True, OBJECT, "R=100,G=200,B=150"),
        ("simple", False, "a/b ?#ü", "a%2Fb%20%3F%23%C3%BC"),
        ("simple", False, True, "true"),
    ],
)
def test_values_in_a_path(style: str, explode: bool, value: Any, written: str) -> None:
    assert path_value("color", value, style=style, explode=explode) == written


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        ("form", False, "", "color="),
        ("form", False, "blue", "color=blue"),
        ("form", False, LIST, "color=blue,black,brown"),
        ("form", False, OBJECT, "color=R,100,G,200,B,150"),
        ("form", True, LIST, "color=blue&color=black&color=brown"),
        ("form", True, OBJECT, "R=100&G=200&B=150"),
        ("spaceDelimited", False, LIST, "color=blue%20black%20brown"),
        ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", False, LIST, "color=blue%7Cblack%7Cbrown"),
        ("pipeDelimited", False, OBJECT, "color=R%7C100%7CG%7C200%7CB%7C150"),
        ("deepObject", True, OBJECT, "color[R]=100&color[G]=200&color[B]=150"),
        ("deepObject", True, {"a": {"b": [1, 2]}}, "color[a][b]=1&color[a][b]=2"),
        ("form", True, "a&b=c", "color=a%26b%3Dc"),
        ("form", True, None, "color="),
        ("form", True, [], ""),
        ("form", True, {"a": {"b": 1}}, "a=%7B%22b%22%3A1%7D"),
    ],
)
def test_values_in_a_query(style: str, explode: bool, value: Any, written: str) -> None:
    pairs = query_pairs("color", value, style=style, explode=explode)
    assert "&".join(f"{name}={text}" for name, text in pairs) == written


def test_reserved_characters_stay_where_the_document_allows_them() -> None:
    assert query_pairs("path", "a/b:c", allow_reserved=True) == [("path", "a/b:c")]
    assert query_pairs("path", "a/b:c") == [("path", "a%2Fb%3Ac")]


@pytest.mark.parametrize(
    ("explode", "value", "written"),
    [
        (False, "blue", "blue"),
        (False, LIST, "blue,black,brown"),
        (False, OBJECT, "R,100,G,200,B,150"),
        (True, OBJECT, "R=100,G=200,B=150"),
        (False, "a\r\nX-Evil: 1", "a X-Evil: 1"),
    ],
)
def test_values_in_a_header_have_no_line_breaks(explode: bool, value: Any, written: str) -> None:
    assert header_value(value, explode=explode) == written
