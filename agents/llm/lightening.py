"""What litellm would keep in each process although nobody here asks for it: about 80 MB of 157.

What is left out of what anybody uses is loaded by whoever asks for it after all.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, resources
from importlib.abc import MetaPathFinder
from types import MappingProxyType, ModuleType
from typing import Any, Final

from shannon_project.foundation.importing import NamesAtUse, attribute_at_use, found_first, module_at_use

_LIBRARY: Final = "litellm"
_UTILS: Final = "litellm.utils"
_PARSED, _WRITTEN = "json_data", "claude_json_str"
_VOCABULARY: Final = ("litellm.litellm_core_utils.tokenizers", "anthropic_tokenizer.json")
_ROUTER: Final = "litellm.router"
_TYPES: Final = "openai.types"  # 450 modules, of which litellm asks for a third


@contextmanager
def imported_lightly() -> Iterator[None]:
    """Surround the import of litellm: what it parses and reads no more is dropped while it still loads.

    Its parsed vocabulary of Anthropic's old tokenizer is 15 MB, kept beside the text which is what it reads.
    Dropped at once, that memory is taken by the modules that follow; dropped at the end, it stays in pieces.
    Its router among servers is loaded by whoever asks for it (routes are ours), and so are OpenAI's types.
    """
    sys.modules[_ROUTER] = router = ModuleType(_ROUTER)
    router.Router = None  # type: ignore[attr-defined]  # for the library to take while it loads
    try:
        with found_first(_VocabularyDropper()), found_first(NamesAtUse(_TYPES)):
            yield
    finally:
        del sys.modules[_ROUTER]
    library = sys.modules[_LIBRARY]
    module_at_use(library, _ROUTER.rpartition(".")[2])
    attribute_at_use(library, "Router", lambda: import_module(_ROUTER).Router)


class _VocabularyDropper(MetaPathFinder):
    """Finds no module; is asked before each that is imported."""

    def find_spec(self, *_: Any, **__: Any) -> None:
        """Drop what was parsed, once it is written into the text."""
        held = vars(sys.modules[_UTILS]) if _UTILS in sys.modules else {}
        if _WRITTEN in held:
            held.pop(_PARSED, None)


def lighten(library: Any) -> None:
    """Have litellm load its tokenizer when somebody counts with it, no more of its proxy, and keep its price list once.

    It hands a tokenizer of 40 MB to each provider's code, which counts with it only when a provider does not say what
    a call used. The second copy of the price list is for the reloads of its proxy; and each call looks in its messages
    for ids of files that were uploaded to that proxy, for which it imports a part of it. At the end of each stream it
    wakes one of up to a hundred threads, to log what nobody logs.

    Args:
        library: The module `litellm`, loaded.
    """
    tokenizer = _TokenizerAtUse(library)
    library.main._get_encoding = lambda: tokenizer
    library.main.update_messages_with_model_file_ids = _messages_as_they_are
    library.litellm_core_utils.streaming_handler.executor = _NobodyLogs()
    attribute_at_use(sys.modules[_UTILS], _WRITTEN, _vocabulary)
    prices = library.litellm_core_utils.get_model_cost_map.GetModelCostMap
    prices._loaded_catalog = MappingProxyType({})


def _vocabulary() -> str:
    """Return the text of Anthropic's old tokenizer as the library writes it; 2.5 MB for whoever counts with it."""
    package, name = _VOCABULARY
    return json.dumps(json.loads(resources.files(package).joinpath(name).read_text(encoding="utf-8")))


def _messages_as_they_are(messages: Any, **_: Any) -> Any:
    return messages


class _NobodyLogs:
    """Takes what would be logged in a thread."""

    def submit(self, *_: Any, **__: Any) -> None:
        """Do nothing: what a call said is accounted for by us (`agents/llm/unlogged.py`)."""


class _TokenizerAtUse:
    """litellm's tokenizer, loaded when it is first used."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library.encoding, name)
