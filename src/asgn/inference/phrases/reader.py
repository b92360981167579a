"""How a model reads a person's words: slips bridged, unknown words named with the nearest known one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from asgn.data.vocabulary import MAX_WORDS, SPECIAL, Encoded, Vocabulary, tokenise
from asgn.errors import PhraseError
from asgn.inference.phrases.similar_words import SimilarWords
from asgn.inference.phrases.synonyms import is_common_word, stand_ins

LONGEST_PHRASE = 100
"""Words beyond which a phrase is taken for a mistake rather than cut."""

_LEAST_BRIDGED = 4
_LEAST_READ = 3
_LONGEST_SHOWN = 60
_NAME_NOTHING = frozenset(
    ("a", "an", "the", "this", "that", "these", "those", "of", "on", "in", "at", "to", "from", "by", "with", "and",
     "or", "is", "are", "it", "its", "his", "her", "their")
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """A phrase as the model reads it."""

    encoded: Encoded
    """What goes into the network."""
    read_as: Mapping[str, str]
    """Words that the model does not know, and the known words that it read for them."""
    nearest: Mapping[str, str | None]
    """Words that it does not know and could not read, with the most similar known word if there is one."""

    def remarks(self) -> list[str]:
        """What a person should be told of the reading, one sentence each."""
        said = [f"'{word}' read as '{known}'" for word, known in self.read_as.items()]
        if self.nearest:
            said.append("unknown to the model: " + ", ".join(map(_with_nearest, self.nearest.items())))
        if self.encoded.cut:
            said.append(f"only the first {MAX_WORDS} words were read; cut: {_brief(' '.join(self.encoded.cut))}")
        return said


class WordReader:
    """Reads phrases by one vocabulary.

    A word of four letters or more that the model does not know is read as the known word one edit away (a letter
    changed, missing, too many, or two exchanged) where just one starts alike, or just one differs by a doubled letter
    or an exchange; unless it is itself a common word ("boot" is no "boat"). Else an everyday word is read as a known
    one that fits the same things ("kid" as "person"). Punctuation that the model does not know is passed over.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._names = frozenset(word for word in vocabulary.words[len(SPECIAL) :] if word.isalpha())
        self._similar = SimilarWords(self._names)
        self._seen: dict[str, tuple[str | None, str | None]] = {}

    def read(self, phrase: str) -> Reading:
        """Read a phrase.

        Raises:
            PhraseError: it holds no word, more than 100, or none that the model knows and that names anything.
        """
        phrase = writable(phrase)
        tokens = tokenise(phrase, self.vocabulary.strip)
        if self.vocabulary.strip:
            tokens = [token for token in tokens if token in self.vocabulary or any(map(str.isalnum, token))]
        if not tokens:
            raise PhraseError(
                f"the phrase {_brief(phrase)!r} holds no word: say what to segment, such as 'left person'"
            )
        if len(tokens) > LONGEST_PHRASE:
            raise PhraseError(
                f"a phrase of {len(tokens)} words is too long: only {MAX_WORDS} are read; give the main ones"
            )
        return self._check(self._read(tokens), phrase)

    def _read(self, tokens: Sequence[str]) -> Reading:
        unknown = [token for token in dict.fromkeys(tokens[:MAX_WORDS]) if token not in self.vocabulary]
        read_as, nearest = {}, {}
        for word in unknown:
            known, alike = self._look_up(word)
            if known is None:
                nearest[word] = alike
            else:
                read_as[word] = known
        return Reading(self.vocabulary.encode_tokens([read_as.get(word, word) for word in tokens]), read_as, nearest)

    def _check(self, reading: Reading, phrase: str) -> Reading:
        naming = [word for word in reading.encoded.words if word not in _NAME_NOTHING]
        if any(word not in reading.nearest for word in naming):
            return reading
        if not reading.nearest:
            raise PhraseError(
                f"the phrase {_brief(phrase)!r} names nothing: say what to segment, such as 'left person'"
            )
        near = sorted({word for word in reading.nearest.values() if word is not None})
        advice = f"; did you mean {', '.join(near)}?" if near else ": use other words"
        raise PhraseError(f"no word of the phrase {_brief(phrase)!r} that names anything is known to the model{advice}")

    def _look_up(self, word: str) -> tuple[str | None, str | None]:
        """What the word is read as, and else what it resembles; remembered, as sheets repeat their words."""
        if word not in self._seen:
            if len(self._seen) > 10_000:
                self._seen.clear()
            known = self._slip(word) or next(stand_ins(word, self._names), None)
            self._seen[word] = (known, None if known else self._similar.nearest(word))
        return self._seen[word]

    def _slip(self, word: str) -> str | None:
        if len(word) < _LEAST_BRIDGED or not word.isalpha() or is_common_word(word):
            return None
        near = [
            known for known in self._similar.one_edit_from(word) if known[0] == word[0] and len(known) >= _LEAST_READ
        ]
        likely = [known for known in near if _is_same_but_for_typing(word, known)]
        return near[0] if len(near) == 1 else likely[0] if len(likely) == 1 else None


def writable(phrase: str) -> str:
    """The phrase with question marks for lone surrogates: bytes of a command line that are no UTF-8, say.

    No file can hold them.
    """
    return phrase.encode("utf-8", "replace").decode("utf-8")


def _is_same_but_for_typing(first: str, second: str) -> bool:
    """Whether one edit between two words is the commonest kind: a letter doubled or not, or neighbours exchanged."""
    return _without_doubles(first) == _without_doubles(second) or sorted(first) == sorted(second)


def _without_doubles(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))


def _with_nearest(unknown: tuple[str, str | None]) -> str:
    word, near = unknown
    return _brief(word) if near is None else f"{word} (the nearest it knows: {near})"


def _brief(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
