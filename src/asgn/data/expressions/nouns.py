"""Names of categories as people write them: plurals, synonyms, and the labels of panoptic files made readable."""

import re
from dataclasses import dataclass
from functools import lru_cache

_UNCHANGED = ("aircraft", "bison", "fish", "offspring", "salmon", "shrimp", "squid")
_COMMONER = {"person": "people", "ox": "oxen"} | {word: word for word in _UNCHANGED}
"""Where the dictionary's first plural is not what people write."""

PEOPLE = frozenset(("person", "people", "man", "men", "woman", "women", "pedestrian", "pedestrians"))

_SINGULAR_ENDINGS = ("ss", "us", "is", "os", "as")
_PREPOSITION = re.compile(r"[ -](?:of|in|on|with|for|at|to)[ -]")
_LAST_WORD = re.compile(r"[^ -]+$")
_WITHOUT_MEANING = frozenset(("merged", "other", "stuff"))
_SURFACES = frozenset(("wall", "floor", "ceiling", "window"))
_MATERIALS = frozenset(("blind", "brick", "concrete", "marble", "panel", "stone", "tile", "wood"))


@dataclass(frozen=True, slots=True)
class Noun:
    """A category's name, its plural, and other (singular, plural) names for the same thing."""

    name: str
    plural: str
    synonyms: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: str, *synonyms: str) -> "Noun":
        """A noun whose plurals follow from its names."""
        return cls(name, plural(name), tuple((other, plural(other)) for other in synonyms))

    @property
    def forms(self) -> tuple[tuple[str, str], ...]:
        """All (singular, plural) names, the category's own first."""
        return ((self.name, self.plural), *self.synonyms)


def plural(name: str) -> str:
    """The plural of an English noun phrase, whose head takes the ending ("dining tables", "cans of soda").

    A name that is a plural already ("glasses", "cars") stays as it is.
    """
    preposition = _PREPOSITION.search(name)
    if preposition is not None:
        return plural(name[: preposition.start()]) + name[preposition.start() :]
    return _LAST_WORD.sub(lambda last: _plural_word(last[0]), name)


def is_plural_alone(name: str) -> bool:
    """Whether a name takes neither "a" nor a plural of its own ("jeans")."""
    return name.endswith("s") and plural(name) == name


@lru_cache(maxsize=4096)
def singulars(word: str) -> tuple[str, ...]:
    """The nouns that an English word may be the plural of: "wolf" for "wolves", none for "bus" or "glass"."""
    from lemminflect import getAllLemmas

    lemmas = getAllLemmas(word, upos="NOUN").get("NOUN", ())
    return tuple(lemma for lemma in lemmas if lemma != word)


@lru_cache(maxsize=4096)
def _plural_word(word: str) -> str:
    from lemminflect import getAllLemmas, getInflection

    if word in _COMMONER:
        return _COMMONER[word]
    looks_plural = word.endswith("s") and not word.endswith(_SINGULAR_ENDINGS)
    if singulars(word) or (looks_plural and not getAllLemmas(word, upos="NOUN")):
        return word
    return str(getInflection(word, tag="NNS")[0])


def readable_name(label: str) -> str:
    """The name in a label, in lower case and with blanks: "hot-dog" and "hot_dog" are a hot dog, a t-shirt stays one.

    COCO's stuff and panoptic files, and they alone, put the head first: "wall-brick" is a brick wall,
    "sky-other-merged" sky.
    """
    parts = label.replace("_", " ").lower().split("-")
    base, kinds = parts[0], [word for word in parts[1:] if word not in _WITHOUT_MEANING]
    if len(kinds) < len(parts) - 1 or (base in _SURFACES and _MATERIALS.issuperset(kinds)):
        return " ".join([*kinds, base])
    return ("-" if any(len(part) == 1 for part in parts) else " ").join(parts)
