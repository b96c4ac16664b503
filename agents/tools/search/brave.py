"""Brave Search: https://api-dashboard.search.brave.com/app/documentation/web-search/get-started."""

from urllib.parse import urlencode

from agents.tools.search.base import SearchEngine, SearchHit, hits_of

_MOST_RESULTS = 20


class BraveSearch(SearchEngine):
    """Asks Brave; needs a key."""

    name = "brave"

    def __init__(self, api_key: str, url: str = "https://api.search.brave.com/res/v1/web/search") -> None:
        """Take the key and, for a proxy, another address."""
        self._key = api_key
        self._url = url

    def search(self, query: str, *, limit: int, timeout_seconds: float) -> list[SearchHit]:
        """See `SearchEngine.search`."""
        answer = self._ask(
            f"{self._url}?{urlencode({'q': query, 'count': min(limit, _MOST_RESULTS)})}",
            timeout_seconds=timeout_seconds,
            headers={"X-Subscription-Token": self._key},
        )
        web = answer.get("web")
        return hits_of(
            web.get("results") if isinstance(web, dict) else None,
            limit=limit,
            title="title",
            url="url",
            snippet="description",
            published_at="page_age",
        )
