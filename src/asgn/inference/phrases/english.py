"""What English has: whether a word exists, what it is a form of, whether it can name a thing.

Two dictionaries: LemmInflect's, which knows forms and parts of speech, and SymSpell's, which knows more words.
Both are read when the first word is looked up that a model does not know.
"""

from functools import lru_cache
from importlib.resources import files

_WITHOUT_APOSTROPHE = frozenset(
    ("hes", "shes", "whos", "whats", "thats", "theres", "heres", "theyre", "youre", "theyve", "youve", "wheres", "lets")
)
_NO_PLURALS = frozenset(("glasses", "shorts", "trunks", "spectacles", "clothes", "goods", "arms"))
"""Plurals that are things of their own: glasses are not more than one glass."""
_NOUN_PAIRS = {"people": "person", "persons": "person"}
"""Plurals that the dictionary takes for words of their own."""


def is_english(word: str) -> bool:
    """Whether a lower-case word is in a dictionary, slang and names left out."""
    return word in _WITHOUT_APOSTROPHE or word in _spelling_list() or bool(_lemmas(word))


def is_noun(word: str) -> bool:
    """Whether a word can name a thing."""
    return "NOUN" in _lemmas(word)


def is_listed(word: str) -> bool:
    """Whether the dictionary of parts of speech has a word; it lacks those that only join others."""
    return bool(_lemmas(word))


def noun_forms(word: str) -> tuple[str, ...]:
    """The nouns that a word may be a form of: "tree" for "trees" and for "tree"."""
    if word in _NO_PLURALS:
        return (word,)
    return (_NOUN_PAIRS[word],) if word in _NOUN_PAIRS else _lemmas(word).get("NOUN", ())


def adjective_forms(word: str) -> tuple[str, ...]:
    """The adjectives that a word may be a form of: "big" for "bigger"."""
    return _lemmas(word).get("ADJ", ())


def verb_forms(word: str) -> tuple[str, ...]:
    """The verbs that a word may be a form of: "stand" for "stands" and for "standing"."""
    return _lemmas(word).get("VERB", ())


@lru_cache(maxsize=4096)
def _lemmas(word: str) -> dict[str, tuple[str, ...]]:
    from lemminflect import getAllLemmas

    found: dict[str, tuple[str, ...]] = getAllLemmas(word)
    return found


@lru_cache(maxsize=1)
def _spelling_list() -> frozenset[str]:
    lines = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text("utf-8-sig").splitlines()
    return frozenset(line.partition(" ")[0] for line in lines)
