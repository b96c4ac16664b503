"""What a visit is, without the library that makes it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(slots=True)
class Visit:
    """What a visit came to.

    Attributes:
        url: Where it ended.
        title: Of the last page.
        status: Of the first page; None: there was no answer, or it was refused.
        html: The last page as it stood at the end.
        results: What the actions gave, in order; as many as were done.
        screenshots: PNG by path in the session's workspace.
        failed: What went wrong in the action after the last result; empty: nothing.
        refused: What the guard did not let out.
    """

    url: str = ""
    title: str = ""
    status: int | None = None
    html: str = ""
    results: list[Any] = field(default_factory=list)
    screenshots: dict[str, bytes] = field(default_factory=dict)
    failed: str = ""
    refused: list[str] = field(default_factory=list)


class Browser(ABC):
    """Makes visits, each with a profile of its own that is gone at its end."""

    @abstractmethod
    def problem(self) -> str:
        """Return why there is no browser here, and how to get one; empty when there is."""

    @abstractmethod
    def visit(self, url: str, actions: Sequence[Mapping[str, Any]], *, timeout_seconds: float) -> Visit:
        """Open a page, do things on it one after another, and leave.

        Args:
            url: The page.
            actions: As `agents.tools.builtin.browser` describes them.
            timeout_seconds: For all of it, > 0.

        Raises:
            OutboundRefused: The page's own address may not be reached (the caller's fault).
            OutboundFailed: The page could not be reached, or the browser broke.
        """


def browser_in_use() -> Browser:
    """Return the browser that the settings name."""
    return _browser(settings.SHANNON_BROWSER)


@cache
def _browser(dotted_path: str) -> Browser:
    browser: Browser = import_string(dotted_path)()
    return browser
