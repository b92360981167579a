"""Words to ids. Every unknown or cut word is reported to the caller, never dropped in silence."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgn.errors import DataError, MissingExtraError

PAD, GO, END, UNKNOWN = "<pad>", "<go>", "<eos>", "<unk>"
SPECIAL = (PAD, GO, END, UNKNOWN)
MAX_WORDS = 20
"""Words of an expression that are kept: the first 20 (protocol section 1)."""


@dataclass(frozen=True)
class Encoded:
    """A phrase as word ids, with what became of its words."""

    ids: tuple[int, ...]
    words: tuple[str, ...]
    """The words behind `ids`; none for a phrase without a word."""
    unknown: tuple[str, ...]
    """Those of `words` that the vocabulary lacks."""
    cut: tuple[str, ...]
    """The words after the twentieth."""


class Vocabulary:
    """The words a model knows.

    With `strip`, blanks around punctuation are taken off a token before it is looked up. The base code does not:
    its ", " is an unknown word (protocol section 1), which is kept for parity with its vocabulary files.

    The first `trained` words are those that training phrases had, by default all; the others a model knows by their
    word vectors alone.
    """

    def __init__(self, words: Sequence[str], strip: bool = True, trained: int | None = None) -> None:
        if tuple(words[: len(SPECIAL)]) != SPECIAL:
            raise DataError(f"a vocabulary starts with {', '.join(SPECIAL)}; this one with {', '.join(words[:4])}")
        self.words = tuple(words)
        self.strip = strip
        self.trained = len(self.words) if trained is None else trained
        self._ids = {word: index for index, word in enumerate(self.words)}

    @classmethod
    def read(cls, path: Path, strip: bool = False) -> "Vocabulary":
        """Read a vocabulary file: one word a line, in the base code's format, or .json of a tokeniser (`Subwords`).

        Raises:
            DataError: the file is missing, not UTF-8, does not start with the four special words, or is no tokeniser.
            MissingExtraError: it is a tokeniser, and tokenizers is not installed.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read vocabulary {path}: {error}") from error
        return Subwords(text) if path.suffix == ".json" else cls([line.strip() for line in text.splitlines()], strip)

    @classmethod
    def build(cls, texts: Iterable[str]) -> "Vocabulary":
        """All words of `texts`, most frequent first."""
        counts = Counter(word for text in texts for word in tokenise(text, strip=True))
        return cls([*SPECIAL, *sorted(counts, key=lambda word: (-counts[word], word))], strip=True)

    def to_json(self) -> dict[str, Any]:
        """The vocabulary as JSON values."""
        return {"words": self.words, "strip": self.strip}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def was_trained(self, word: str) -> bool:
        """Whether training phrases had the word; False too for one that the vocabulary lacks."""
        return self._ids.get(word, self.trained) < self.trained

    def encode(self, phrase: str) -> Encoded:
        """The first 20 words of a phrase as ids; unknown words share one id, a phrase without a word is that id."""
        return self.encode_tokens(tokenise(phrase, self.strip))

    def encode_tokens(self, tokens: Sequence[str]) -> Encoded:
        """As `encode`, of a phrase's tokens."""
        words = tuple(tokens[:MAX_WORDS])
        unknown_id = self._ids[UNKNOWN]
        return Encoded(
            ids=tuple(self._ids.get(word, unknown_id) for word in words) or (unknown_id,),
            words=words,
            unknown=tuple(word for word in words if word not in self._ids),
            cut=tuple(tokens[MAX_WORDS:]),
        )


class Subwords(Vocabulary):
    """The vocabulary of a tokeniser of its own, which spells every word by parts: no word is unknown.

    Args:
        text: the JSON of a `tokenizers.Tokenizer` (`tokenizer.json`), which adds the marks of begin and end itself.

    Raises:
        DataError: the text is none.
        MissingExtraError: tokenizers is not installed.
    """

    def __init__(self, text: str) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtraError("tokenizers", "clipseg") from error
        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises no other class
            raise DataError(f"the vocabulary is no tokeniser ({error}): give a tokenizer.json") from error
        self.text = text
        self.words = ()
        self.strip = True
        self.trained = self._tokenizer.get_vocab_size()

    def to_json(self) -> dict[str, Any]:
        """The tokeniser as JSON values."""
        return {"tokenizer": self.text}

    def __len__(self) -> int:
        return self.trained

    def __contains__(self, word: str) -> bool:
        return True

    def was_trained(self, word: str) -> bool:
        """Every word is told by its parts."""
        return True

    def encode(self, phrase: str) -> Encoded:
        """The first 20 words of a phrase by their parts, or as many as the tokeniser's own limit leaves."""
        return self._encode(phrase, tokenise(phrase, strip=True))

    def encode_tokens(self, tokens: Sequence[str]) -> Encoded:
        """As `encode`, of a phrase's tokens."""
        return self._encode(" ".join(tokens), tokens)

    def _encode(self, text: str, tokens: Sequence[str]) -> Encoded:
        words = list(tokens[:MAX_WORDS])
        found = self._tokenizer.encode(text if len(words) == len(tokens) else " ".join(words))
        while found.overflowing and len(words) > 1:
            words.pop()
            found = self._tokenizer.encode(" ".join(words))
        read = len(words) - bool(found.overflowing)  # one word that is too long by itself is read in part
        return Encoded(tuple(found.ids), tuple(words), unknown=(), cut=tuple(tokens[read:]))


def vocabulary_from_json(value: Mapping[str, Any], trained: int | None = None) -> Vocabulary:
    """The vocabulary that `to_json` gave; `trained` see `Vocabulary`."""
    return Subwords(value["tokenizer"]) if "tokenizer" in value else Vocabulary(value["words"], value["strip"], trained)


def tokenise(text: str, strip: bool) -> list[str]:
    """Lower-case words and punctuation; one final full stop is dropped (protocol section 1)."""
    tokens = [token.lower() for token in re.split(r"(\W+)", text.strip()) if token.strip()]
    if strip:
        tokens = [token.strip() for token in tokens]
    if tokens and tokens[-1] == ".":
        tokens.pop()
    return tokens
