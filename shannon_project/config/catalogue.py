"""The typed catalogue of models: what they are called, what they cost, and which of them serve a tier."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shannon_project.foundation.errors import InvalidInput, ShannonError

TOKENS_PER_PRICE = Decimal(1_000_000)
_SHOWN_PROBLEMS = 3
_SHOWN_NAME_CHARACTERS = 100


class CatalogueInvalid(ShannonError):
    """The model catalogue is not valid; the message names the file and the key. Whoever edited the file."""

    code = "CATALOGUE_INVALID"


class ModelUnknown(InvalidInput):
    """There is no such model or tier; `details.known` lists those that exist. The caller's fault."""

    code = "MODEL_UNKNOWN"


class Tier(StrEnum):
    """How capable a model is asked for."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Ability(StrEnum):
    """What a model can do beyond text."""

    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    VISION = "vision"
    STREAMING = "streaming"
    REASONING = "reasoning"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPrice(_Strict):
    """What a model costs, in USD per million tokens."""

    input_usd_per_million_tokens: Annotated[Decimal, Field(ge=0)]
    output_usd_per_million_tokens: Annotated[Decimal, Field(ge=0)]

    def cost_usd(self, *, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """Return the price of one call in USD, exact.

        Args:
            prompt_tokens: Tokens read, 0 or more.
            completion_tokens: Tokens written, 0 or more.
        """
        reading = self.input_usd_per_million_tokens * prompt_tokens
        writing = self.output_usd_per_million_tokens * completion_tokens
        return (reading + writing) / TOKENS_PER_PRICE


class CatalogueModel(_Strict):
    """One model. `price` None: litellm's own list is asked; `context_window_tokens` None: not known."""

    name: str
    litellm_name: Annotated[str, Field(min_length=1)]
    provider: Annotated[str, Field(min_length=1)]
    price: ModelPrice | None = None
    context_window_tokens: Annotated[int, Field(gt=0)] | None = None
    max_output_tokens: Annotated[int, Field(gt=0)] | None = None
    abilities: frozenset[Ability] = frozenset()
    about: str = ""

    @classmethod
    def outside(cls, litellm_name: str) -> Self:
        """Return an entry for a litellm model that the file does not list: price and window are not known here."""
        provider = litellm_name.partition("/")[0] if "/" in litellm_name else "litellm"
        return cls(name=litellm_name, litellm_name=litellm_name, provider=provider, abilities=frozenset(Ability))


class Catalogue(_Strict):
    """Every model by name, and the candidates of each tier in the order in which they are preferred."""

    models: dict[str, CatalogueModel]
    tiers: dict[Tier, Annotated[tuple[str, ...], Field(min_length=1)]]

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
        for tier, names in self.tiers.items():
            for name in names:
                if name not in self.models:
                    raise ValueError(f"tiers.{tier}: {name!r} is not a key of models")
        return self

    def served_by(self, litellm_name: str) -> Self:
        """Return this catalogue with every tier served by one litellm model, listed here or not."""
        model = self._named(litellm_name) or CatalogueModel.outside(litellm_name)
        models = {**self.models, model.name: model}
        return self.model_copy(update={"models": models, "tiers": dict.fromkeys(Tier, (model.name,))})

    def allowing(self, litellm_names: Sequence[str]) -> Self:
        """Return this catalogue with more litellm models that a request may name; those listed stay as they are."""
        more = {name: CatalogueModel.outside(name) for name in litellm_names if self._named(name) is None}
        return self.model_copy(update={"models": {**self.models, **more}})

    def candidates(self, tier: str) -> tuple[CatalogueModel, ...]:
        """Return the models of a tier, preferred first.

        Raises:
            ModelUnknown: There is no such tier.
        """
        if tier not in set(Tier):
            known = [str(known) for known in Tier]
            raise ModelUnknown(
                f"There is no model tier {tier!r}; use one of {', '.join(known)}.", details={"known": known}
            )
        return tuple(self.models[name] for name in self.tiers[Tier(tier)])

    def model_for(
        self, *, tier: str, override: str | None = None, abilities: frozenset[Ability] = frozenset()
    ) -> CatalogueModel:
        """Return the model that is to answer.

        Args:
            tier: A tier's name; its first candidate with all the abilities answers, or its first.
            override: A tier's name, or the name or litellm name of a model in this catalogue. Nothing else: litellm
                takes some model names for addresses, and would send the prompt wherever a tenant says.
            abilities: What the call needs.

        Raises:
            ModelUnknown: No such tier, or the override names no tier and no model of the catalogue.
        """
        if override and override not in set(Tier):
            return self._overridden(override)
        candidates = self.candidates(override or tier)
        return next((model for model in candidates if abilities <= model.abilities), candidates[0])

    def _overridden(self, override: str) -> CatalogueModel:
        model = None if "://" in override else self._named(override)
        if model is not None:
            return model
        known = sorted(name for name in self.models if "://" not in name)
        raise ModelUnknown(
            f"model_override: there is no model {override[:_SHOWN_NAME_CHARACTERS]!r} here; use one of "
            f"{', '.join(known)}. SHANNON_MODELS_ALLOWED adds to them.",
            details={"known": known},
        )

    def _named(self, name: str) -> CatalogueModel | None:
        by_name = self.models.get(name)
        return by_name or next((model for model in self.models.values() if model.litellm_name == name), None)


def catalogue_load(path: Path) -> Catalogue:
    """Read and check a catalogue file.

    Raises:
        CatalogueInvalid: The file is missing, is not YAML, or a key in it is wrong; the message names file and key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogueInvalid(f"{path}: the model catalogue cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise CatalogueInvalid(f"{path}: the model catalogue is not YAML: {error}") from error
    try:
        return Catalogue.model_validate(content)
    except ValidationError as error:
        problems = _problems(error)
        raise CatalogueInvalid(f"{path}: {_shown(problems)}", details={"problems": problems}) from error


def catalogue() -> Catalogue:
    """Return the catalogue in use: the file, `SHANNON_MODEL` for every tier if set, and `SHANNON_MODELS_ALLOWED`.

    Raises:
        CatalogueInvalid: See `catalogue_load`.
    """
    path = Path(settings.SHANNON_MODEL_CATALOGUE_PATH)
    return _in_use(path, settings.SHANNON_MODEL, tuple(settings.SHANNON_MODELS_ALLOWED))


def model_override_check(override: str) -> None:
    """Refuse a model that a request may not name; needs nothing of litellm.

    Raises:
        ModelUnknown: It names no tier, no model of the catalogue, not `SHANNON_MODEL`, and is not allowed by
        `SHANNON_MODELS_ALLOWED`. The caller's fault.
        CatalogueInvalid: See `catalogue_load`.
    """
    catalogue().model_for(tier=Tier.SMALL, override=override)


@lru_cache(maxsize=8)
def _in_use(path: Path, litellm_name: str, allowed: tuple[str, ...]) -> Catalogue:
    loaded = catalogue_load(path)
    return (loaded.served_by(litellm_name) if litellm_name else loaded).allowing(allowed)


def _problems(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".removeprefix(": Value error, ")
        for problem in error.errors()
    ]


def _shown(problems: list[str]) -> str:
    more = f" (and {len(problems) - _SHOWN_PROBLEMS} more)" if len(problems) > _SHOWN_PROBLEMS else ""
    return "; ".join(problems[:_SHOWN_PROBLEMS]) + more
