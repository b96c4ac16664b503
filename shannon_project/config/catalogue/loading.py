"""Reading the catalogue's file, and what the settings make of it."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml
from django.conf import settings
from pydantic import ValidationError

from shannon_project.config.catalogue.catalogue import Catalogue
from shannon_project.config.catalogue.errors import CatalogueInvalid
from shannon_project.config.catalogue.models import CatalogueModel

_SHOWN_PROBLEMS: Final = 3


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
        problems = problems_of(error)
        raise CatalogueInvalid(f"{path}: {shown(problems)}", details={"problems": problems}) from error


def catalogue() -> Catalogue:
    """Return the catalogue of everybody: the file, as `SHANNON_MODEL`, `…_API_BASE` and `SHANNON_MODELS_ALLOWED` say.

    Raises:
        CatalogueInvalid: See `catalogue_load`.
    """
    return _in_use(
        str(settings.SHANNON_MODEL_CATALOGUE_PATH),
        settings.SHANNON_MODEL,
        settings.SHANNON_MODEL_API_BASE,
        tuple(settings.SHANNON_MODELS_ALLOWED),
    )


@lru_cache(maxsize=8)
def _in_use(path: str, model: str, api_base: str, allowed: tuple[str, ...]) -> Catalogue:
    loaded = catalogue_load(Path(path))
    if model and api_base:
        loaded = loaded.served_by(CatalogueModel.compatible(model, api_base))
    elif model:
        loaded = loaded.served_by(loaded.named(model) or CatalogueModel.outside(model))
    return loaded.allowing(allowed)


def problems_of(error: ValidationError) -> list[str]:
    """Return a sentence for each thing that is wrong."""
    return [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".removeprefix(": Value error, ")
        for problem in error.errors()
    ]


def shown(problems: list[str]) -> str:
    """Return the first sentences as one."""
    more = f" (and {len(problems) - _SHOWN_PROBLEMS} more)" if len(problems) > _SHOWN_PROBLEMS else ""
    return "; ".join(problems[:_SHOWN_PROBLEMS]) + more
