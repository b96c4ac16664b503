"""Serper: https://serper.dev."""

from agents.tools.search.base import SearchEngine, SearchHit, hits_of


class SerperSearch(SearchEngine):
    """Asks Google by way of Serper; needs a key."""

    name = "serper"

    def __init__(self, api_key: str, url: str = "https://google.serper.dev/search") -> None:
        """Take the key and, for a proxy, another address."""
        self._key = api_key
        self._url = url

    def search(self, query: str, *, limit: int, timeout_seconds: float) -> list[SearchHit]:
        """See `SearchEngine.search`."""
        answer = self._ask(
            self._url,
            timeout_seconds=timeout_seconds,
            headers={"X-API-KEY": self._key},
            body={"q": query, "num": limit},
        )
        return hits_of(
            answer.get("organic"), limit=limit, title="title", url="link", snippet="snippet", published_at="date"
        )
