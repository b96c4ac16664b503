"""Answers that no model is asked for: to the same request, to one being answered now, to one that means the same."""

from agents.llm.caching.answering import CacheRules, answer_through_caches, cache_rules

__all__ = ["CacheRules", "answer_through_caches", "cache_rules"]
