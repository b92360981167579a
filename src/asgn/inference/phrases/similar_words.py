"""Which known words are spelt like a given one, fast enough for vocabularies of many thousands."""

import difflib
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

_LEAST_ALIKE = 0.7
_MOST_LONGER = 3
_OTHER = 26
"""Column of the counts for all letters beyond a to z."""
_COLUMNS = _OTHER + 1


class SimilarWords:
    """Finds the words of a set that are spelt like another.

    Comparing letter by letter with every word takes long, so the letters that two words have in common, whatever their
    order, are counted first, for all words at once: neither kind of likeness can exceed what they allow.
    """

    def __init__(self, words: Collection[str]) -> None:
        self._words = sorted(words)
        self._lengths = np.array([len(word) for word in self._words], dtype=np.int32)
        self._longest = int(self._lengths.max(initial=0))
        self._counts = _letter_counts(self._words, self._longest)

    def one_edit_from(self, word: str) -> list[str]:
        """The words that differ by one edit (see `is_one_edit`), in alphabetical order."""
        if len(word) > self._longest + 1:
            return []
        fits = self._letters_in_common(word) >= np.maximum(self._lengths, len(word)) - 1
        return [known for known in self._chosen(fits, word, 1) if is_one_edit(word, known)]

    def nearest(self, word: str) -> str | None:
        """The word most similar by difflib's ratio; None where no word's ratio reaches 0.7 within three letters."""
        if len(word) > self._longest + _MOST_LONGER:
            return None
        fits = 2 * self._letters_in_common(word) >= _LEAST_ALIKE * (self._lengths + len(word))
        alike = difflib.get_close_matches(word, self._chosen(fits, word, _MOST_LONGER), n=1, cutoff=_LEAST_ALIKE)
        return alike[0] if alike else None

    def _letters_in_common(self, word: str) -> NDArray[np.int32]:
        """For each known word the letters that `word` shares with it, or more where letters beyond a to z do."""
        common = np.zeros(len(self._words), dtype=np.int32)
        for column, count in Counter(map(_column, word)).items():
            common += np.minimum(self._counts[column], count)
        return common

    def _chosen(self, fits: NDArray[np.bool_], word: str, most_longer: int) -> list[str]:
        near = np.abs(self._lengths - len(word)) <= most_longer
        return [self._words[place] for place in np.flatnonzero(fits & near)]


def is_one_edit(first: str, second: str) -> bool:
    """Whether two words differ by one letter changed, missing or too many, or by two neighbours exchanged."""
    short, long = sorted((first, second), key=len)
    if len(long) - len(short) > 1 or first == second:
        return False
    start = next((place for place, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    exchanged = short[start : start + 2] == long[start : start + 2][::-1]
    return short[start + 1 :] == long[start + 1 :] or (exchanged and short[start + 2 :] == long[start + 2 :])


def _letter_counts(words: Sequence[str], longest: int) -> NDArray[np.int32]:
    """(27, words): how often each word has each letter."""
    if not words:
        return np.zeros((_COLUMNS, 0), dtype=np.int32)
    spelt = np.array(words, dtype=f"U{longest}").view(np.uint32).reshape(len(words), longest)
    rows, places = np.nonzero(spelt)
    letters = spelt[rows, places].astype(np.int64) - ord("a")
    columns = np.where((letters >= 0) & (letters < _OTHER), letters, _OTHER)
    counts = np.bincount(rows * _COLUMNS + columns, minlength=len(words) * _COLUMNS)
    return np.ascontiguousarray(counts.reshape(-1, _COLUMNS).T, dtype=np.int32)


def _column(letter: str) -> int:
    place = ord(letter) - ord("a")
    return place if 0 <= place < _OTHER else _OTHER
