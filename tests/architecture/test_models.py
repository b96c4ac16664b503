"""Foreign keys obey the direction of imports, and every model is in the admin and in the architecture."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import ForeignKey, Model

ARCHITECTURE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text()
ORDER = ["policy", "sandbox", "agents", "orchestration"]
MODELS = [model for label in ORDER for model in apps.get_app_config(label).get_models()]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_foreign_keys_point_down(model: type[Model]) -> None:
    for field in model._meta.get_fields():
        if isinstance(field, ForeignKey):
            target = field.related_model._meta.app_label
            if target in ORDER:
                assert ORDER.index(target) <= ORDER.index(model._meta.app_label), field


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_model_is_in_the_admin(model: type[Model]) -> None:
    admin.autodiscover()  # as the process that serves pages does, and no other
    assert admin.site.is_registered(model)


def test_the_rows_of_each_app_are_those_that_the_architecture_names() -> None:
    for label in ORDER:
        (row,) = re.findall(rf"^\| `{label}` \|(.*)$", ARCHITECTURE, re.MULTILINE)
        named = set(re.findall(r"\b[A-Z][a-z]+[A-Za-z]*\b", row.split(" | ")[1]))
        assert named == {model.__name__ for model in MODELS if model._meta.app_label == label}, label
