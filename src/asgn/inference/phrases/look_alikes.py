"""Kinds of things that a model takes for one another, and a phrase asked of another kind."""

from collections.abc import Sequence

from asgn.data.vocabulary import Vocabulary
from asgn.inference.phrases.word_classes import JOINING

_KINDS = (
    ("dog", "cat"), ("horse", "cow", "sheep"), ("bicycle", "motorcycle"), ("car", "bus", "truck"),
    ("cup", "bottle", "bowl"), ("fork", "spoon", "knife"), ("laptop", "tv"), ("couch", "bed", "chair"),
    ("pizza", "cake", "sandwich"), ("banana", "apple", "orange"), ("skateboard", "surfboard", "snowboard"),
)  # fmt: skip
_OTHERS = {kind: tuple(other for other in alike if other != kind) for alike in _KINDS for kind in alike}


def of_other_kinds(words: Sequence[str], vocabulary: Vocabulary) -> list[tuple[str, ...]]:
    """The phrase with each kind that looks like the one asked for in its place: "left cat" for "left dog".

    The kind is the last one named before the first word that joins another thing: "dog" in "the dog on the couch".
    None where no such kind is asked for; kinds that no training phrase had are left out.
    """
    end = next((place for place, word in enumerate(words) if word in JOINING), len(words))
    place = next((place for place in reversed(range(end)) if words[place] in _OTHERS), None)
    if place is None:
        return []
    others = filter(vocabulary.was_trained, _OTHERS[words[place]])
    return [(*words[:place], other, *words[place + 1 :]) for other in others]
