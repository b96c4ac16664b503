"""All models and tiers together, as one tenant sees them."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shannon_project.config.catalogue.errors import ModelUnknown
from shannon_project.config.catalogue.models import Ability, CatalogueModel, Tier, TierEntry

_SHOWN_NAME_CHARACTERS: Final = 100
_SHOWN_NAMES: Final = 40
_WILDCARDS: Final = frozenset("*?[")
TierName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class Catalogue(BaseModel):
    """Every model by name, and the tiers.

    Attributes:
        models: By the name that requests use.
        tiers: small, medium, large, and those that the file or a tenant's rows name beside them.
        allowed: Patterns (`*`, `?`) of the models that may be asked beside those of small, medium and large.
        denied: Patterns of those that may not; they win.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: dict[str, CatalogueModel]
    tiers: dict[TierName, TierEntry]
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _name_models(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("models"), dict):
            named = {
                key: {"name": key, **entry} if isinstance(entry, dict) else entry
                for key, entry in value["models"].items()
            }
            return {**value, "models": named}
        return value

    @model_validator(mode="after")
    def _check_tiers(self) -> Self:
        missing = [tier for tier in Tier if tier not in self.tiers]
        if missing:
            raise ValueError(f"tiers.{missing[0]}: this tier has no models")
        for tier, entry in self.tiers.items():
            for name in entry.candidates:
                if name not in self.models:
                    raise ValueError(f"tiers.{tier}: {name!r} is not a key of models")
                if self.models[name].is_embedding:  # vectors of two models cannot be compared
                    raise ValueError(f"tiers.{tier}: {name!r} makes vectors, and serves no tier")
        return self

    def served_by(self, model: CatalogueModel) -> Self:
        """Return this catalogue with small, medium and large served by one model, listed here or not."""
        entry = TierEntry(candidates=(model.name,))
        return self.model_copy(
            update={
                "models": {**self.models, model.name: model},
                "tiers": {**self.tiers, **dict.fromkeys(Tier, entry)},
            }
        )

    def allowing(self, patterns: Sequence[str]) -> Self:
        """Return this catalogue with more that a request may name.

        A pattern without a wildcard that is no model here is taken for a litellm name, and becomes one.
        """
        names = [pattern for pattern in patterns if not _WILDCARDS & set(pattern)]
        more = {name: CatalogueModel.outside(name) for name in names if self.named(name) is None}
        return self.model_copy(update={"models": {**self.models, **more}, "allowed": (*self.allowed, *patterns)})

    def with_changes(
        self,
        *,
        models: Mapping[str, CatalogueModel],
        tiers: Mapping[str, TierEntry],
        allowed: Sequence[str] = (),
        denied: Sequence[str] = (),
    ) -> Self:
        """Return this catalogue as a tenant's rows change it, checked anew.

        Raises:
            pydantic.ValidationError: A tier names a model that there is not.
        """
        return type(self)(
            models={**self.models, **models},
            tiers={**self.tiers, **tiers},
            allowed=(*self.allowed, *allowed),
            denied=(*self.denied, *denied),
        )

    def tier_entry(self, tier: str) -> TierEntry:
        """Return a tier.

        Raises:
            ModelUnknown: There is none of this name.
        """
        entry = self.tiers.get(tier)
        if entry is None:
            known = sorted(self.tiers)
            raise ModelUnknown(
                f"There is no model tier {tier[:_SHOWN_NAME_CHARACTERS]!r}; use one of {', '.join(known)}.",
                details={"known": known},
            )
        return entry

    def candidates(
        self, *, tier: str, override: str | None = None, abilities: Iterable[Ability] = ()
    ) -> tuple[CatalogueModel, ...]:
        """Return the models that may answer, at least one, in the order in which they are written.

        Args:
            tier: A tier's name.
            override: A tier's name, or the name or litellm name of a model in this catalogue; then it alone. Nothing
                else: litellm takes some model names for addresses, and would send the prompt wherever a tenant says.
            abilities: What the call needs. Models that lack one are left out, unless all of a tier do. One that makes
                vectors is asked for nothing else, and no other one for them.

        Raises:
            ModelUnknown: No such tier; or the override names no tier and no model that may be asked.
        """
        if override and override not in self.tiers:
            return (self._overridden(override, makes_vectors=Ability.EMBEDDING in abilities),)
        usable = self.usable(override or tier)
        if not usable:
            raise ModelUnknown(
                f"No model of the tier {override or tier!r} may be asked here.", details={"known": self.known()}
            )
        able = tuple(model for model in usable if frozenset(abilities) <= model.abilities)
        return able or usable

    def usable(self, tier: str) -> tuple[CatalogueModel, ...]:
        """Return the models of a tier that may be asked; empty: it serves nobody here. Raises as `tier_entry`."""
        candidates = (self.models[name] for name in self.tier_entry(tier).candidates)
        return tuple(model for model in candidates if self.may_be_asked(model))

    def model_for(self, *, tier: str, override: str | None = None, abilities: Iterable[Ability] = ()) -> CatalogueModel:
        """Return the first of `candidates`; raises as they do."""
        return self.candidates(tier=tier, override=override, abilities=abilities)[0]

    def may_be_asked(self, model: CatalogueModel) -> bool:
        """Tell whether the model serves a tier that everybody has or is allowed, and is not denied."""
        names = (model.name, model.litellm_name)
        if any(fnmatchcase(name, pattern) for name in names for pattern in self.denied):
            return False
        if any(model.name in self.tiers[tier].candidates for tier in Tier):
            return True
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.allowed)

    def known(self) -> list[str]:
        """Return the names of the models that may be asked, in order."""
        return sorted(
            model.name for model in self.models.values() if "://" not in model.name and self.may_be_asked(model)
        )

    def named(self, name: str) -> CatalogueModel | None:
        """Return the model of this name or litellm name; None: there is none."""
        by_name = self.models.get(name)
        return by_name or next((model for model in self.models.values() if model.litellm_name == name), None)

    def embedding_models(self) -> list[str]:
        """Return the names of the models that may be asked for vectors, in order."""
        return [name for name in self.known() if self.models[name].is_embedding]

    def _overridden(self, override: str, *, makes_vectors: bool) -> CatalogueModel:
        model = None if "://" in override else self.named(override)
        if model is not None and self.may_be_asked(model) and model.is_embedding is makes_vectors:
            return model
        known = [name for name in self.known() if self.models[name].is_embedding is makes_vectors]
        raise ModelUnknown(
            f"model_override: there is no model {override[:_SHOWN_NAME_CHARACTERS]!r} here; use one of "
            f"{', '.join(known[:_SHOWN_NAMES])}. SHANNON_MODELS_ALLOWED adds to them.",
            details={"known": known},
        )
