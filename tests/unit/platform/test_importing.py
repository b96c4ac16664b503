"""A library that is imported without what it would take along."""

import sys

import pytest

from shannon_project.foundation.importing import imported_without


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
