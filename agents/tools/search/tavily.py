"""Tavily: https://docs.tavily.com/documentation/api-reference/endpoint/search."""

from agents.tools.search.base import SearchEngine, SearchHit, hits_of


class TavilySearch(SearchEngine):
    """Asks Tavily; needs a key."""

    name = "tavily"

    def __init__(self, api_key: str, url: str = "https://api.tavily.com/search") -> None:
        """Take the key and, for a proxy, another address."""
        self._key = api_key
        self._url = url

    def search(self, query: str, *, limit: int, timeout_seconds: float) -> list[SearchHit]:
        """See `SearchEngine.search`."""
        answer = self._ask(
            self._url,
            timeout_seconds=timeout_seconds,
            headers={"Authorization": f"Bearer {self._key}"},
            body={"query": query, "max_results": limit},
        )
        return hits_of(
            answer.get("results"),
            limit=limit,
            title="title",
            url="url",
            snippet="content",
            published_at="published_date",
        )
