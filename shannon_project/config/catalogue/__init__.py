"""The typed catalogue of models: what they are called, what they cost, and which of them serve a tier."""

from shannon_project.config.catalogue.catalogue import Catalogue
from shannon_project.config.catalogue.errors import CatalogueInvalid, ModelUnknown
from shannon_project.config.catalogue.loading import catalogue, catalogue_load
from shannon_project.config.catalogue.models import (
    TOKENS_PER_PRICE,
    Ability,
    CatalogueModel,
    ModelPrice,
    Selection,
    Tier,
    TierEntry,
)

__all__ = [
    "TOKENS_PER_PRICE",
    "Ability",
    "Catalogue",
    "CatalogueInvalid",
    "CatalogueModel",
    "ModelPrice",
    "ModelUnknown",
    "Selection",
    "Tier",
    "TierEntry",
    "catalogue",
    "catalogue_load",
]
