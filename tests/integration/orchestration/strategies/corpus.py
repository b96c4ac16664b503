"""A small web on this machine, whose first hit always comes twice, and one of whose pages is broken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shannon_project.demo.web import SmallWeb, serving

BEES = """City gardens feed wild bees. In 2021 a survey counted 61 species of wild bees in the city of Bern. \
Gravel gardens feed almost no bees."""
STUDY = """The study followed wild bees in the city for five years. \
Wild bees in the city rose by 12 % where meadows were mown late. Criticism: the study had no control group."""
HONEY = "Honey bees in the city compete with wild bees for flowers. The evidence for this is growing."
PAGES = {
    "/bees": ("Bees and cities", BEES),
    "/bees-study": ("A study of wild bees", STUDY),
    "/honey": ("Honey bees", HONEY),
    "/trains": ("Trains", "The night train to Vienna leaves at nine."),
    "/broken": ("Bees, broken", ""),
}


class Web(SmallWeb):
    """The pages; the first page that is found comes twice, under two addresses."""

    def __init__(self) -> None:
        super().__init__({path: _html(title, text) for path, (title, text) in PAGES.items()}, broken={"/broken"})

    def found(self, query: str) -> list[dict[str, str]]:
        hits = super().found(query)
        twin = [{**hit, "url": f"{hit['url']}/?utm_source=x#top"} for hit in hits[:1]]
        return [*hits[:1], *twin, *hits[1:]]


def _html(title: str, text: str) -> str:
    return f"<html><head><title>{title}</title></head><body><p>{text}</p></body></html>"


@contextmanager
def web_running() -> Iterator[Web]:
    """Serve until the end of the block."""
    with serving(Web()) as server:
        yield server


@pytest.fixture
def web(settings: Any) -> Iterator[Web]:
    """The web, allowed and searched."""
    with web_running() as server:
        for name, value in server.variables.items():
            setattr(settings, name, value)
        yield server
