"""Search engines of the web behind one interface; which one answers is a setting."""

from agents.tools.search.base import SearchEngine, SearchHit
from agents.tools.search.selection import engine_in_use

__all__ = ["SearchEngine", "SearchHit", "engine_in_use"]
