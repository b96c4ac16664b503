"""A library that is imported without what it would take along."""

import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

from shannon_project.foundation.importing import NamesAtUse, attribute_at_use, found_first, imported_without


def test_what_is_hidden_is_not_there_and_can_be_imported_afterwards() -> None:
    sys.modules.pop("colorsys", None)
    with imported_without("colorsys"), pytest.raises(ModuleNotFoundError):
        import colorsys  # noqa: PLC0415
    import colorsys  # noqa: PLC0415

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_what_is_loaded_already_stays() -> None:
    with imported_without("json"):
        import json  # noqa: PLC0415
    assert sys.modules["json"] is json


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that names what its modules hold, one that does more, and one with a name for a module and a thing."""
    files = {
        "shop_of_test/__init__.py": "from __future__ import annotations\n\nfrom .tea import Tea as Tea, Tea as Drink\n",
        "shop_of_test/tea.py": "from .cup import Cup\n\n\nclass Tea:\n    cup = Cup\n",
        "shop_of_test/cup.py": "class Cup:\n    pass\n",
        "shop_of_test/till/__init__.py": "from .coins import Coin\n\nCOUNT = 3\n",
        "shop_of_test/till/coins.py": "class Coin:\n    pass\n",
        "shop_of_test/shelf/__init__.py": "from .box import box\n",
        "shop_of_test/shelf/box.py": "def box():\n    return 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in [name for name in sys.modules if name.split(".")[0] == "shop_of_test"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    return "shop_of_test"


def _loaded(shop: str) -> set[str]:
    return {name for name in sys.modules if name.startswith(f"{shop}.")}


def test_what_a_package_only_names_is_loaded_when_it_is_asked_for(shop: str) -> None:
    with found_first(NamesAtUse(shop)):
        package = import_module(shop)
    assert _loaded(shop) == set()
    assert package.Drink is package.Tea is import_module(f"{shop}.tea").Tea
    assert _loaded(shop) == {f"{shop}.tea", f"{shop}.cup"}


def test_modules_of_such_a_package_are_its_attributes_as_before(shop: str) -> None:
    with found_first(NamesAtUse(shop)):
        package = import_module(shop)
    assert package.tea is sys.modules[f"{shop}.tea"]
    with pytest.raises(AttributeError, match="has no attribute 'Coffee'"):
        package.Coffee  # noqa: B018 - asked for


def test_everything_that_such_a_package_names_can_be_taken_at_once(shop: str) -> None:
    with found_first(NamesAtUse(shop)):
        import_module(shop)
    taken: dict[str, object] = {}
    exec(f"from {shop} import *", taken)
    assert {"Tea", "Drink"} <= taken.keys()


@pytest.mark.parametrize(("name", "module"), [("till", "coins"), ("shelf", "box")])
def test_a_package_that_does_more_or_has_a_name_for_two_things_is_loaded_as_it_is(
    shop: str, name: str, module: str
) -> None:
    with found_first(NamesAtUse(shop)):
        package = import_module(f"{shop}.{name}")
    assert f"{shop}.{name}.{module}" in sys.modules
    assert package.COUNT == 3 if name == "till" else package.box() == 1


def test_an_attribute_is_made_at_its_first_use_and_kept() -> None:
    module, made = ModuleType("of_test"), count(1)
    vars(module).update(thing="old", __getattr__=lambda name: f"{name} as before")
    attribute_at_use(module, "thing", lambda: f"new {next(made)}")
    attribute_at_use(module, "other", lambda: "another")
    assert (module.thing, module.thing) == ("new 1", "new 1")
    assert (module.other, module.rest) == ("another", "rest as before")
