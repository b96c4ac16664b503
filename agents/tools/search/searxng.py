"""SearXNG, a search engine of one's own: https://docs.searxng.org/dev/search_api.html."""

from urllib.parse import urlencode

from agents.tools.search.base import SearchEngine, SearchHit, hits_of


class SearxngSearch(SearchEngine):
    """Asks a SearXNG server that permits the format `json`; needs its address and no key."""

    name = "searxng"

    def __init__(self, url: str) -> None:
        """Take the server's address, for example `https://search.example`."""
        self._url = f"{url.rstrip('/')}/search"

    def search(self, query: str, *, limit: int, timeout_seconds: float) -> list[SearchHit]:
        """See `SearchEngine.search`."""
        answer = self._ask(f"{self._url}?{urlencode({'q': query, 'format': 'json'})}", timeout_seconds=timeout_seconds)
        return hits_of(
            answer.get("results"),
            limit=limit,
            title="title",
            url="url",
            snippet="content",
            published_at="publishedDate",
        )
