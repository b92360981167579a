"""Which known words are spelt like a given one."""

from collections.abc import Iterable

from symspellpy import SymSpell, Verbosity

_MOST_EDITS = 2
_SHORT = 4
"""Letters up to which a word two edits away is another word."""


class SimilarWords:
    """Finds the words of a set that are spelt like another: a letter changed, missing or too many, or two exchanged.

    Time does not grow with the number of words (symmetric delete spelling correction).
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._speller = SymSpell(max_dictionary_edit_distance=_MOST_EDITS)
        for word in sorted(words):
            self._speller.create_dictionary_entry(word, 1)

    def one_edit_from(self, word: str) -> list[str]:
        """The words that differ by one edit, in alphabetical order."""
        return sorted(term for term, distance in self._found(word, 1) if distance == 1)

    def nearest(self, word: str) -> str | None:
        """The word with the fewest edits: one, or two in a word of over four letters that starts alike; else None.

        A single letter is near to none, since any other is one edit away.
        """
        if len(word) == 1:
            return None
        edits = 1 if len(word) <= _SHORT else _MOST_EDITS
        found = [pair for pair in self._found(word, edits) if pair[1] == 1 or pair[0][:1] == word[:1]]
        return min(found, key=lambda pair: (pair[1], pair[0][:1] != word[:1], pair[0]))[0] if found else None

    def _found(self, word: str, edits: int) -> list[tuple[str, int]]:
        return [(item.term, item.distance) for item in self._speller.lookup(word, Verbosity.ALL, edits)]
