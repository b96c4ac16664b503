"""HTML pages as text that a model can read."""

import re
from typing import Final

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

_NOT_CONTENT: Final = ("script", "style", "noscript", "template", "svg", "iframe", "nav", "footer", "form", "head")
_BLANK_LINES: Final = re.compile(r"\n{3,}")
_MAX_HTML_CHARACTERS: Final = 2_000_000  # a tree of more takes seconds and hundreds of megabytes
_MAX_DEPTH: Final = 200  # of elements in each other: the converter calls itself once for each


def page_markdown(html: str) -> str:
    """Return the content of a page as Markdown: no scripts, styles, menus and forms; images by their description.

    A page that is nested too deeply for the converter is given as its bare text.
    """
    soup = _soup(html)
    for element in soup(list(_NOT_CONTENT)):
        element.decompose()
    root = soup.find("main") or soup.find("article") or soup.body or soup
    if any(len(list(element.parents)) > _MAX_DEPTH for element in root.find_all(True)):
        return root.get_text("\n", strip=True)
    markdown: str = MarkdownConverter(heading_style="ATX", strip=["img"], bullets="-").convert_soup(root)
    return _BLANK_LINES.sub("\n\n", markdown).strip()


def page_title(html: str) -> str:
    """Return what a page calls itself, on one line; empty when it does not say."""
    title = _soup(html).title
    return " ".join(title.get_text().split())[:300] if title else ""


def _soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html[:_MAX_HTML_CHARACTERS], "html.parser")
