"""Foreign keys obey the direction of imports, and every model is in the admin."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import ForeignKey, Model

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
    assert admin.site.is_registered(model)
