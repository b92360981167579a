"""Words that a training phrase leaves to their word vectors, so that a word never trained on is read well too."""

import numpy as np

from asgn.data.vocabulary import Encoded

SHARE = 0.1
"""Of the words of a phrase."""
KEPT = frozenset(
    ("left", "right", "leftmost", "rightmost", "top", "bottom", "upper", "lower", "up", "down", "above", "below",
     "over", "under", "front", "back", "behind", "before", "after", "first", "second", "third", "fourth", "fifth",
     "last", "middle", "center", "centre", "near", "far", "nearest", "farthest", "closest", "furthest", "closer",
     "further", "big", "small", "bigger", "smaller", "biggest", "smallest", "large", "little", "larger", "largest",
     "tall", "short", "taller", "shorter", "tallest", "shortest", "not", "no", "without", "with")
)  # fmt: skip
"""Words that always keep what was learned for them alone: their opposites have nearly the same vector."""


def by_vector_alone(encoded: Encoded, words: int, key: tuple[int, ...]) -> list[int]:
    """The ids of a phrase, a tenth of them moved up by the number of words: those by their vector alone.

    What is drawn depends on the key alone, such as (seed, step, place in the batch).
    """
    drawn = np.random.default_rng(key).random(len(encoded.ids)) < SHARE
    kept = [word in KEPT for word in encoded.words] or [True]
    return [
        number + words if drop and not keep else number
        for number, drop, keep in zip(encoded.ids, drawn, kept, strict=True)
    ]
