"""Tables of word vectors: GloVe's text format, or safetensors with a list of words beside it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from asgn.data.vocabulary import tokenise
from asgn.errors import DataError


@dataclass(frozen=True)
class WordVectors:
    """Words that phrases can have, each with a vector."""

    words: tuple[str, ...]
    vectors: Tensor
    """(len(words), size) float32."""
    source: str = ""
    """Name of the file; empty for those of a trained model."""
    sha256: str = ""

    @property
    def size(self) -> int:
        """Entries of a vector."""
        return int(self.vectors.shape[1])

    def rows_for(self, words: Sequence[str]) -> Tensor:
        """(len(words), size): the vectors of other words in their order, zeros for those that have none."""
        row_of = {word: row for row, word in enumerate(self.words)}
        rows = torch.tensor([row_of.get(word, -1) for word in words])
        return torch.where((rows >= 0)[:, None], self.vectors[rows.clamp(min=0)], torch.zeros(()))


def read_word_vectors(path: Path) -> WordVectors:
    """Read a table: `.safetensors` with the tensor `vectors` (n, size), or text of lines `word v1 ... vn`.

    The words of the former stand, one a line, in a .txt file beside it whose name is the table's or its beginning.
    Words that no phrase is split into, such as "t-shirt", are left out, as is all but the first of equal ones.
    Vectors are brought to unit length: their own length says how frequent a word is.

    Raises:
        DataError: a file is missing, damaged or of another form.
    """
    try:
        if path.suffix == ".safetensors":
            words, vectors = _read_pair(path)
        else:
            words, vectors = _read_text(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, UnicodeDecodeError, SafetensorError) as error:
        raise DataError(f"cannot read word vectors {path}: {error}") from error
    if vectors.ndim != 2 or len(words) != len(vectors) or not vectors.numel():
        raise DataError(f"word vectors {path} are of another form: {len(words)} words, {tuple(vectors.shape)} numbers")
    rows = {word: row for row, word in reversed(list(enumerate(words))) if tokenise(word, strip=True) == [word]}
    kept = torch.tensor(sorted(rows.values()))
    chosen = vectors[kept].float()
    lengths = chosen.norm(dim=1, keepdim=True)
    if not bool(lengths.isfinite().all()):
        raise DataError(f"word vectors {path} hold numbers that are not finite")
    return WordVectors(
        tuple(words[row] for row in kept.tolist()), chosen / lengths.clamp(min=1e-12), path.name, digest
    )


def _read_pair(path: Path) -> tuple[list[str], Tensor]:
    lists = [file for file in path.parent.glob("*.txt") if path.stem.startswith(file.stem)]
    if not lists:
        raise DataError(f"word vectors {path} lack their words: give one a line in {path.with_suffix('.txt').name}")
    words = max(lists, key=lambda file: len(file.stem)).read_text(encoding="utf-8").split("\n")
    tensors = load_file(path)
    if "vectors" not in tensors:
        raise DataError(f"word vectors {path} lack the tensor `vectors`")
    return words[:-1] if words[-1] == "" else words, tensors["vectors"]


def _read_text(path: Path) -> tuple[list[str], Tensor]:
    words: list[str] = []
    rows: list[np.ndarray] = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            word, _, numbers = line.rstrip("\n").partition(" ")
            try:
                row = np.array(numbers.split(" "), dtype=np.float32)
            except ValueError as error:
                raise DataError(f"{path}, line {number}: expected a word and numbers, parted by blanks") from error
            if rows and len(row) != len(rows[0]):
                raise DataError(f"{path}, line {number}: {len(row)} numbers, the lines before have {len(rows[0])}")
            words.append(word)
            rows.append(row)
    return words, torch.from_numpy(np.stack(rows)) if rows else torch.zeros(0, 0)
