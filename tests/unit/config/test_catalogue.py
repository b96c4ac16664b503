"""The catalogue is checked when it is read, and says where it is wrong."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError
from pytest_django import Settings

from shannon_project.config.catalogue import (
    Ability,
    CatalogueInvalid,
    CatalogueModel,
    ModelPrice,
    ModelUnknown,
    Tier,
    catalogue,
    catalogue_load,
)

GOOD = """
models:
  near/cheap:
    litellm_name: near/cheap
    provider: near
    price: {input_usd_per_million_tokens: "1", output_usd_per_million_tokens: "2"}
  near/clever:
    litellm_name: openai/clever
    provider: openai
    abilities: [tools, json_schema]
tiers:
  small: [near/cheap]
  medium: [near/cheap, near/clever]
  large: [near/clever]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "models.yaml"
    path.write_text(text)
    return path


def test_shipped_catalogue_prices_every_tier() -> None:
    for tier in Tier:
        assert catalogue().candidates(tier=tier)[0].price is not None


def test_price_is_exact() -> None:
    price = ModelPrice(input_usd_per_million_tokens=Decimal("0.10"), output_usd_per_million_tokens=Decimal("0.40"))

    assert price.cost_usd(prompt_tokens=3, completion_tokens=7) == Decimal("0.0000031")


@pytest.mark.parametrize(
    ("broken", "key"),
    [
        (
            GOOD.replace('input_usd_per_million_tokens: "1"', 'input_usd_per_million_tokens: "-1"'),
            "input_usd_per_million",
        ),
        (GOOD.replace("provider: near", "provder: near"), "models.near/cheap.provder"),
        (GOOD.replace("large: [near/clever]", "large: [near/ghost]"), "tiers.large: 'near/ghost'"),
        (GOOD.replace("  large: [near/clever]\n", ""), "tiers.large"),
        (GOOD.replace("large: [near/clever]", "large: []"), "tiers.large"),
        (GOOD.replace("near/cheap:", f"near/{'x' * 124}:"), "at most 128 characters"),
        (GOOD.replace("abilities: [tools, json_schema]", "abilities: [telepathy]"), "abilities"),
        ("models: [", "not YAML"),
        ("- a", "dictionary"),
    ],
)
def test_mistake_is_named_with_file_and_key(tmp_path: Path, broken: str, key: str) -> None:
    path = write(tmp_path, broken)

    with pytest.raises(CatalogueInvalid) as caught:
        catalogue_load(path)

    assert str(path) in caught.value.message
    assert key in caught.value.message


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueInvalid, match=r"gone\.yaml"):
        catalogue_load(tmp_path / "gone.yaml")


def test_first_candidate_with_the_needed_abilities_is_chosen(tmp_path: Path) -> None:
    known = catalogue_load(write(tmp_path, GOOD))

    assert known.model_for(tier="medium").name == "near/cheap"
    assert known.model_for(tier="medium", abilities=frozenset({Ability.TOOLS})).name == "near/clever"


@pytest.mark.parametrize(
    ("override", "name"), [("near/clever", "near/clever"), ("openai/clever", "near/clever"), ("large", "near/clever")]
)
def test_override_names_a_model_its_litellm_name_or_a_tier(tmp_path: Path, override: str, name: str) -> None:
    assert catalogue_load(write(tmp_path, GOOD)).model_for(tier="small", override=override).name == name


def test_allowed_model_outside_the_catalogue_has_no_price_here(settings: Settings) -> None:
    settings.SHANNON_MODELS_ALLOWED = ("anthropic/some-model",)

    model = catalogue().model_for(tier="small", override="anthropic/some-model")

    assert (model.provider, model.price) == ("anthropic", None)


def test_model_of_the_setting_may_be_named(settings: Settings) -> None:
    settings.SHANNON_MODEL = "openai/gpt-x"

    assert catalogue().model_for(tier="small", override="openai/gpt-x").provider == "openai"


def test_address_is_refused_even_if_a_setting_allows_it(settings: Settings) -> None:
    settings.SHANNON_MODELS_ALLOWED = ("oobabooga/http://127.0.0.1:1/x",)

    with pytest.raises(ModelUnknown):
        catalogue().model_for(tier="small", override="oobabooga/http://127.0.0.1:1/x")


@pytest.mark.parametrize(
    "override", ["ghost", "offline/ghost", "openai/gpt-5", "oobabooga/http://127.0.0.1:1/x", "http://127.0.0.1:1/x"]
)
def test_unknown_model_is_refused_with_those_that_exist(override: str) -> None:
    with pytest.raises(ModelUnknown) as caught:
        catalogue().model_for(tier="small", override=override)

    assert "offline/small" in caught.value.details["known"]


def test_unknown_tier_is_refused() -> None:
    with pytest.raises(ModelUnknown, match="huge"):
        catalogue().model_for(tier="huge")


def test_one_setting_makes_every_tier_one_model(settings: Settings) -> None:
    settings.SHANNON_MODEL = "openai/gpt-x"

    assert {catalogue().model_for(tier=tier).litellm_name for tier in Tier} == {"openai/gpt-x"}


def test_a_model_that_makes_vectors_does_nothing_else() -> None:
    vectors = {"name": "v", "litellm_name": "openai/v", "provider": "p", "abilities": ["embedding"]}

    assert CatalogueModel.model_validate(vectors).is_embedding
    assert not CatalogueModel.outside("openai/anything").is_embedding
    with pytest.raises(ValidationError, match="no other ability"):
        CatalogueModel.model_validate(vectors | {"abilities": ["embedding", "tools"]})
