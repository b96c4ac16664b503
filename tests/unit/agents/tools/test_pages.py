"""HTML as models read it."""

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


def test_a_page_that_is_nested_without_end_is_its_bare_text() -> None:
    assert page_markdown("<div>" * 5_000 + "deep" + "</div>" * 5_000) == "deep"


def test_broken_html_is_read_as_far_as_it_goes() -> None:
    assert page_markdown("<p>open <b>and <i>never closed") == "open **and *never closed***"
