"""Static word vectors from the wordllama wheel: no network, no GPU, no server.

The wheel's own loader makes a copy of the vectors with twice their size in each process, and imports what nobody here
asks for. Its files are read instead where they lie: the vectors are mapped, so that all processes of a machine share
the pages that they look at, and the system may take them back.
"""

import json
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from agents.types import EMBEDDING_DIMENSIONS

_WEIGHTS: Final = f"weights/l2_supercat_{EMBEDDING_DIMENSIONS}.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"
_TENSOR: Final = "embedding.weight"


class WordllamaEmbedder:
    """Averages 256-dimensional word vectors: tens of thousands of short texts a second; it knows no word order."""

    def __init__(self) -> None:
        """Load nothing yet: only workers embed."""
        self._lock = threading.Lock()
        self._model: _Model | None = None

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector per text."""
        model = self._loaded()
        return [model.vector(text) for text in texts]

    def _loaded(self) -> "_Model":
        with self._lock:
            if self._model is None:
                self._model = _Model(_folder())
            return self._model


class _Model:
    """The words of the wheel, and their vectors."""

    def __init__(self, folder: Path) -> None:
        # Imported here because web processes and commands must not pay for it.
        import numpy  # noqa: PLC0415
        from tokenizers import Tokenizer  # noqa: PLC0415

        self._numpy = numpy
        self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        self._tokenizer.no_truncation()
        self._vectors = _mapped(numpy, folder / _WEIGHTS)

    def vector(self, text: str) -> list[float]:
        """Return the mean of the vectors of a text's words, of length 1; all zeros without a word that has one."""
        words = self._tokenizer.encode(text, add_special_tokens=False).ids
        if not words:
            return [0.0] * EMBEDDING_DIMENSIONS
        mean = self._vectors[words].mean(axis=0, dtype=self._numpy.float32)
        length = float(self._numpy.linalg.norm(mean))
        numbers: list[float] = (mean / length if length else mean).tolist()
        return numbers


def _folder() -> Path:
    """Return the folder of the installed package, without importing it."""
    found = find_spec("wordllama")
    if found is None or not found.origin:
        raise ModuleNotFoundError("wordllama is not installed", name="wordllama")
    return Path(found.origin).parent


def _mapped(numpy: Any, path: Path) -> Any:
    """Return a file's vectors of half-precision numbers, one row a word; read from the file when they are looked at.

    The file begins with the length of a JSON header, 8 bytes, little-endian; offsets count from its end
    (https://huggingface.co/docs/safetensors).

    Raises:
        ValueError: The file holds something else; the installed wheel is another one than this was written for.
    """
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        tensor = json.loads(file.read(header_bytes))[_TENSOR]
    if tensor["dtype"] != "F16" or tensor["shape"][1] != EMBEDDING_DIMENSIONS:
        raise ValueError(f"{path.name}: vectors of {tensor['dtype']} {tensor['shape']}, not of half precision")
    begin = 8 + header_bytes + tensor["data_offsets"][0]
    mapped = numpy.memmap(path, dtype="<f2", mode="r", offset=begin, shape=tuple(tensor["shape"]))
    return numpy.asarray(mapped)
