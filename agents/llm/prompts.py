"""Prompts are reviewed files in `templates/prompts/`; `$name` marks what is filled in."""

from functools import cache
from string import Template

from django.conf import settings


def prompt_render(name: str, **values: str) -> str:
    """Return a prompt with its values filled in.

    Args:
        name: The file's name without `.md`.
        values: One for each `$name` in the file; a value's own `$` is left alone.

    Raises:
        KeyError: The file names a value that was not given (a defect of the caller or of the file).
    """
    return _template(name).substitute(values).strip()


@cache
def _template(name: str) -> Template:
    path = settings.BASE_DIR / "templates" / "prompts" / f"{name}.md"
    return Template(path.read_text(encoding="utf-8"))
