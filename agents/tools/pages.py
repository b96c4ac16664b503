"""HTML pages as text that a model can read, at a cost that does not grow faster than the page.

Read by libxml2: the parser of Python's library takes hours for two megabytes of `<a <a <a`, and no other thread of the
process gets its turn meanwhile.
"""

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_NOT_CONTENT: Final = ("script", "style", "noscript", "template", "svg", "iframe", "nav", "footer", "form", "title")
_INDENTING: Final = frozenset({"blockquote", "dl", "li", "ol", "ul"})
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_SPACES: Final = re.compile(r"[ \t\r\n\f]{20,}")  # of which the converter tries every part
_MAX_HTML_CHARACTERS: Final = 2_000_000
_MAX_ELEMENTS: Final = 50_000  # a page of more takes seconds and hundreds of megabytes
_MAX_DEPTH: Final = 200  # of elements in each other: the converter calls itself once for each
_MAX_INDENTED: Final = 20  # of those that indent all lines in them


def page_markdown(html: str) -> str:
    """Return the content of a page as Markdown: no scripts, styles, menus and forms; images by their description.

    A page that is nested too deeply for the converter is given as its bare text.
    """
    from markdownify import MarkdownConverter  # noqa: PLC0415 - see `_soup`

    soup = _soup(html)
    for element in soup(list(_NOT_CONTENT)):
        element.decompose()
    # not the body: what stands before it may be content, since the parser does not know all elements of today
    root = soup.find("main") or soup.find("article") or soup
    if _is_deep(root):
        return root.get_text("\n", strip=True)
    for text in root.find_all(string=_SPACES):
        text.replace_with(_SPACES.sub(_space, text))
    markdown: str = MarkdownConverter(heading_style="ATX", strip=["img"], bullets="-").convert_soup(root)
    return _BLANK_LINES.sub("\n\n", markdown).strip()


def page_title(html: str) -> str:
    """Return what a page calls itself, on one line; empty when it does not say."""
    title = _soup(html).title
    return " ".join(title.get_text().split())[:300] if title else ""


def _soup(html: str) -> "BeautifulSoup":
    """Return a page's beginning as a tree; the libraries are loaded by processes that read pages, and by no others."""
    from bs4 import BeautifulSoup  # noqa: PLC0415

    html = html[:_MAX_HTML_CHARACTERS]
    beyond = next(islice(re.finditer("<", html), 2 * _MAX_ELEMENTS, None), None)  # each has a beginning and an end
    return BeautifulSoup(html if beyond is None else html[: beyond.start()], "lxml")


def _is_deep(root: "Tag") -> bool:
    """Tell whether elements are nested so deeply that converting them would cost more than it is worth."""
    open_ones: list[tuple[Tag, int, int]] = [(root, 0, 0)]
    while open_ones:
        element, depth, indented = open_ones.pop()
        if depth > _MAX_DEPTH or indented > _MAX_INDENTED:
            return True
        open_ones += [
            (child, depth + 1, indented + (child.name in _INDENTING))
            for child in element.find_all(True, recursive=False)
        ]
    return False


def _space(run: "re.Match[str]") -> str:
    return "\n" if "\n" in run[0] else " "
