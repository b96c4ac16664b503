"""Which search engine answers: the first that is configured."""

from django.conf import settings

from agents.errors import ToolFailed
from agents.tools.search.base import SearchEngine
from agents.tools.search.brave import BraveSearch
from agents.tools.search.searxng import SearxngSearch
from agents.tools.search.serper import SerperSearch
from agents.tools.search.tavily import TavilySearch


def engine_in_use() -> SearchEngine:
    """Return the engine that the settings name.

    Raises:
        ToolFailed: None is configured; the message says how to configure one (the operator's fault).
    """
    if settings.SHANNON_SEARXNG_URL:
        return SearxngSearch(settings.SHANNON_SEARXNG_URL)
    if settings.SHANNON_TAVILY_API_KEY:
        return TavilySearch(settings.SHANNON_TAVILY_API_KEY)
    if settings.SHANNON_BRAVE_API_KEY:
        return BraveSearch(settings.SHANNON_BRAVE_API_KEY)
    if settings.SHANNON_SERPER_API_KEY:
        return SerperSearch(settings.SHANNON_SERPER_API_KEY)
    raise ToolFailed(
        "No search engine is configured. The operator sets one of SHANNON_SEARXNG_URL (a server of one's own, no key), "
        "TAVILY_API_KEY, BRAVE_API_KEY or SERPER_API_KEY."
    )
