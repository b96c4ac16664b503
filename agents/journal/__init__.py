"""The journal: the ordered record of everything that a step did outside itself."""

from agents.journal.bounds import bounded_json, bounded_text, canonical_digest, storable_json
from agents.journal.effect import Effect, EffectDraft
from agents.journal.journal import Journal

__all__ = ["Effect", "EffectDraft", "Journal", "bounded_json", "bounded_text", "canonical_digest", "storable_json"]
