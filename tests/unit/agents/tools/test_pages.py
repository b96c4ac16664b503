"""HTML as models read it."""

import pytest

from agents.tools.pages import page_markdown, page_title

PAGE = """<html><head><title> A
page </title><style>p {}</style></head><body><nav>Home | About</nav><main><h1>Title</h1>
<p>Some <b>bold</b> text &amp; a <a href="https://example.org/x">link</a>.</p>
<ul><li>one</li><li>two</li></ul><script>alert(1)</script>
<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table></main><footer>Imprint</footer></body></html>"""


def test_content_becomes_markdown_without_what_is_around_it() -> None:
    markdown = page_markdown(PAGE)
    assert "# Title" in markdown
    assert "Some **bold** text & a [link](https://example.org/x)." in markdown
    assert "- one\n- two" in markdown
    assert "| a | b |" in markdown
    for left_out in ("alert", "Home", "Imprint", "p {}"):
        assert left_out not in markdown


def test_a_title_is_one_line() -> None:
    assert page_title(PAGE) == "A page"
    assert page_title("<p>no title</p>") == ""


@pytest.mark.parametrize(
    "html",
    [
        "<title>T</title><section><h1>Head</h1><p>word</p></section>",
        "<title>T</title><main><h1>Head</h1><p>word</p></main>",
        "<!doctype html><meta charset=utf-8><title>T</title><dialog><h1>Head</h1><p>word",
        "<html><head><title>T</title></head><section><h1>Head</h1></section><p>word</p>",
        "<html><body><header><h1>Head</h1></header><figure><figcaption>word</figcaption></figure></body></html>",
    ],
)
def test_what_stands_in_no_body_or_in_elements_of_today_is_content(html: str) -> None:
    assert page_markdown(html) == "# Head\n\nword"


def test_a_page_that_is_nested_without_end_is_its_bare_text() -> None:
    assert page_markdown("<div>" * 5_000 + "deep" + "</div>" * 5_000) == "deep"


def test_broken_html_is_read_as_far_as_it_goes() -> None:
    assert page_markdown("<p>open <b>and <i>never closed") == "open **and *never closed***"


HOSTILE = {
    "comments": "<!--",
    "open tags": "<a ",
    "tags without a name": "<",
    "ends without a name": "</",
    "data": "<![CDATA[",
    "instructions": "<?",
    "attributes": "<a x='",
    "declarations": "<!a ",
    "bold": "<b>",
    "characters": "&",
    "lists": "<ul><li>",
    "quotes": "<blockquote>x",
    "tables": "<table><tr><td>",
    "spaces": " ",
    "spaces by their number": "&#32;",
    "line ends": "<p>\n",
    "titles": "<title>",
    "scripts": "<script>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_that_repeats_itself_is_read_to_its_end(name: str) -> None:
    """What costs with the square of the page would not come to an end: minutes for some of these, hours for others."""
    html = f"<p>a{HOSTILE[name] * (200_000 // len(HOSTILE[name]))}b</p>"
    assert isinstance(page_markdown(html), str)
    assert isinstance(page_title(html), str)


def test_of_a_page_with_too_many_elements_the_beginning_is_read() -> None:
    markdown = page_markdown("".join(f"<p>{n}</p>" for n in range(80_000)))
    assert markdown.startswith("0\n\n1\n")
    assert markdown.endswith("\n49999")


def test_lists_in_lists_without_end_are_bare_text() -> None:
    assert page_markdown("<ul><li>x" * 30) == "\n".join("x" * 30)
    assert page_markdown("<ul><li>x" * 3) == "- x\n  - x\n    - x"


def test_long_runs_of_spaces_are_one_and_lines_stay_lines() -> None:
    assert page_markdown(f"<pre>a{' ' * 30}b\n{' ' * 30}c</pre>") == "```\na b\nc\n```"
