"""Writes skills into folders, as an operator would."""

from pathlib import Path

_SKILL = """---
name: {name}
version: {version}
description: A way of working, for a test.
category: {category}
enabled: {enabled}
---
# {name} {version}
"""


def write(folder: Path, name: str, version: str, *, category: str = "general", enabled: str = "true") -> None:
    """Write one version of a skill below a folder."""
    path = folder / name / version / "SKILL.md"
    path.parent.mkdir(parents=True)
    path.write_text(_SKILL.format(name=name, version=version, category=category, enabled=enabled))
