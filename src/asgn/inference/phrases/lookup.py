"""Which known word is read for one that a model does not know."""

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from itertools import groupby

from asgn.inference.phrases.english import adjective_forms, is_english, is_listed, noun_forms, verb_forms
from asgn.inference.phrases.similar_words import SimilarWords
from asgn.inference.phrases.synonyms import SYNONYMS
from asgn.inference.phrases.word_classes import MODIFIERS, NAMELESS, UNSPECIFIC

_MIN_SLIP = 4
_MIN_MEANT = 3
_MAX_REMEMBERED = 10_000


class WordLookup:
    """Reads unknown words as known ones that mean the same.

    In this order: another form of the same word ("tree" as "trees"), another name of the same thing ("sofa" as
    "couch"), a slip, two words written as one ("leftside"). A word of English is never taken for a slip or for two
    words. A slip has four letters or more and is one edit away (a letter changed, missing, too many, or two
    exchanged) from just one known word that starts alike, or from just one by a doubled letter or an exchange.
    """

    def __init__(self, words: Collection[str]) -> None:
        self._names = frozenset(word for word in words if word.isalpha())
        self._longest = max(map(len, self._names), default=0)
        self._seen: dict[tuple[str, bool], tuple[str | None, str | None]] = {}

    def find(self, word: str, is_head: bool) -> tuple[str | None, str | None]:
        """What a word is read as, and if as nothing, which known word it resembles.

        Args:
            word: in lower case.
            is_head: it names what is asked for, so that it is no verb or adjective.
        """
        key = (word, is_head)
        if key not in self._seen:
            if len(self._seen) > _MAX_REMEMBERED:
                self._seen.clear()
            known = next(self._readings(word, is_head), None)
            self._seen[key] = (known, None if known else self._similar.nearest(word))
        return self._seen[key]

    def _readings(self, word: str, is_head: bool) -> Iterator[str]:
        yield from self._other_forms(word, is_head)
        yield from self._synonyms(word)
        if word.isalpha() and len(word) >= _MIN_SLIP and not is_english(word):
            yield from self._slips(word)
            yield from self._two_words(word)

    def _other_forms(self, word: str, is_head: bool) -> Iterator[str]:
        for noun in noun_forms(word):
            yield from self._by_noun.get(noun, ())
        if not is_listed(word):  # "pics"
            yield from self._names & ({word[:-1]} if word.endswith("s") else {f"{word}s"}) - NAMELESS
        if is_head or word in UNSPECIFIC:
            return
        yield from (adjective for adjective in adjective_forms(word) if adjective in self._names)
        for verb in verb_forms(word):
            yield from self._by_verb.get(verb, ())

    def _synonyms(self, word: str) -> Iterator[str]:
        for form in (word, *noun_forms(word)):
            for other in SYNONYMS.get(form, ()):
                forms = [known for known in self._by_noun.get(other, ()) if (known == other) == (word == form)]
                yield from forms or ([other] if other in self._names else [])

    def _slips(self, word: str) -> Iterator[str]:
        near = [known for known in self._similar.one_edit_from(word) if known[0] == word[0]]
        near = [known for known in near if len(known) >= _MIN_MEANT]
        likely = [known for known in near if _is_same_but_for_typing(word, known)]
        yield from near if len(near) == 1 else likely if len(likely) == 1 else ()

    def _two_words(self, word: str) -> Iterator[str]:
        for place in range(min(len(word) - _MIN_MEANT, self._longest), max(1, len(word) - self._longest - 1), -1):
            first, second = word[:place], word[place:]
            is_long_enough = place >= _MIN_MEANT or (first in ("in", "on") and second in MODIFIERS)
            if is_long_enough and first in self._names and second in self._names:
                yield f"{first} {second}"

    @cached_property
    def _similar(self) -> SimilarWords:
        return SimilarWords(self._names)

    @cached_property
    def _by_noun(self) -> dict[str, list[str]]:
        return _index(self._names - MODIFIERS - NAMELESS, noun_forms)

    @cached_property
    def _by_verb(self) -> dict[str, list[str]]:
        """Only what something is doing: a known noun ("train") says nothing of the verb."""
        return _index({name for name in self._names if name.endswith("ing")}, verb_forms)


def _index(words: Collection[str], forms: Callable[[str], tuple[str, ...]]) -> dict[str, list[str]]:
    """Words by what they are forms of, the shortest first."""
    found: dict[str, list[str]] = {}
    for word in sorted(words, key=lambda word: (len(word), word)):
        for form in forms(word):
            found.setdefault(form, []).append(word)
    return found


def _is_same_but_for_typing(first: str, second: str) -> bool:
    """Whether one edit between two words is the commonest kind: a letter doubled or not, or neighbours exchanged."""
    return _without_doubles(first) == _without_doubles(second) or sorted(first) == sorted(second)


def _without_doubles(word: str) -> str:
    return "".join(letter for letter, _ in groupby(word))
