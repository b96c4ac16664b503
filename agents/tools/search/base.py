"""What every search engine is."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from agents.errors import ToolFailed
from shannon_project.foundation.errors import Unavailable
from shannon_project.foundation.outbound import OutboundResponse, fetch

_SNIPPET_CHARACTERS = 1_000
_UNAUTHORISED = frozenset({401, 403})
_TRY_LATER = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One page that was found. `published_at` is the engine's own text for a date, empty when it says none."""

    title: str
    url: str
    snippet: str
    published_at: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the fields as JSON; long snippets are cut."""
        return {
            "title": self.title,
            "url": self.url,
            "snippet": self.snippet[:_SNIPPET_CHARACTERS],
            "published_at": self.published_at,
        }


class SearchEngine(ABC):
    """Finds pages. Implementations keep no state between calls.

    Attributes:
        name: How the setting calls it.
    """

    name: ClassVar[str]

    @abstractmethod
    def search(self, query: str, *, limit: int, timeout_seconds: float) -> list[SearchHit]:
        """Return at most `limit` pages, the best first.

        Raises:
            ToolFailed: The engine refused the key or the request (the operator's fault).
            Unavailable: It is busy or down; `details.retry_after_seconds` when it says so.
            OutboundFailed: It could not be reached.
        """

    def _ask(
        self,
        url: str,
        *,
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Send a GET, or a POST of `body` as JSON, and return the JSON object that came back."""
        response = fetch(
            url,
            method="POST" if body is not None else "GET",
            headers={"Accept": "application/json", "Content-Type": "application/json", **(headers or {})},
            body=json.dumps(body).encode() if body is not None else None,
            timeout_seconds=timeout_seconds,
        )
        self._status_check(response)
        try:
            answer = json.loads(response.content)
        except ValueError as error:
            raise ToolFailed(f"The search engine {self.name} did not answer with JSON.") from error
        if not isinstance(answer, dict):
            raise ToolFailed(f"The search engine {self.name} did not answer with a JSON object.")
        return answer

    def _status_check(self, response: OutboundResponse) -> None:
        if response.status in _TRY_LATER:
            retry_after = response.headers.get("retry-after", "")
            details = {"retry_after_seconds": float(retry_after)} if retry_after.isdigit() else {}
            raise Unavailable(f"The search engine {self.name} answered {response.status}.", details=details)
        if response.status in _UNAUTHORISED:
            raise ToolFailed(f"The search engine {self.name} refused the operator's key ({response.status}).")
        if response.status >= 300:
            raise ToolFailed(f"The search engine {self.name} answered {response.status}.")


def hits_of(items: Any, *, limit: int, title: str, url: str, snippet: str, published_at: str = "") -> list[SearchHit]:
    """Return hits from an engine's list of objects, given the names of their fields; what has no URL is left out."""
    found = [
        SearchHit(
            title=str(item.get(title) or ""),
            url=str(item[url]),
            snippet=str(item.get(snippet) or ""),
            published_at=str(item.get(published_at) or "") if published_at else "",
        )
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and item.get(url)
    ]
    return found[:limit]
